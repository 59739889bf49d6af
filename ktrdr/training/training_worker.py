"""The training worker's application: `uvicorn ktrdr.training.training_worker:app`."""

import tempfile
from pathlib import Path
from typing import Any

from ktrdr.data.bars import parse_range
from ktrdr.data.resample import told
from ktrdr.errors import BadRequestError
from ktrdr.model_files import pack
from ktrdr.names import model_name
from ktrdr.strategy.checks import check
from ktrdr.training.history import fetch, made_of, part
from ktrdr.worker.application import create_worker
from ktrdr.worker.checkpoints import Checkpoints
from ktrdr.worker.job import Job


def train(job: Job) -> dict[str, Any]:
    """Fetch the bars, train, upload the model; return the result_summary."""
    from ktrdr.training import pipeline  # noqa: PLC0415  the application checks torch before it is loaded

    request = job.request
    document = request["strategy"]
    strategy, issues = check(document, request["strategy_name"])
    if strategy is None:
        raise BadRequestError("bad_strategy", issues[0].message)

    bars, made = {}, list[str]()
    for place, symbol in enumerate(request["symbols"]):
        one = {**request, "symbol": symbol}
        report = part(job.fetched, place, len(request["symbols"]))
        bars[symbol] = fetch(job.backend, strategy, request["timeframes"], one, check=job.check, report=report)
        made += told(symbol, made_of(one))
    since, _ = parse_range(request["start_date"], request["end_date"])
    with tempfile.TemporaryDirectory(prefix="ktrdr-model-") as directory:
        summary = pipeline.run(
            strategy, document, bars, Path(directory),
            since=since, progress=job.report, check=job.check, keeper=Checkpoints(job), record=job.record,
        )  # fmt: skip
        name = model_name(strategy.name, job.operation_id)
        model_path = job.backend.upload_model(name, pack(Path(directory)))
    return {"model_path": model_path, **summary, "warnings": made + summary["warnings"]}


app = create_worker("training", train)
