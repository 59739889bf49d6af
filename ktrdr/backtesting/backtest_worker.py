"""The backtest worker's application: `uvicorn ktrdr.backtesting.backtest_worker:app`."""

import tempfile
from bisect import bisect_left
from pathlib import Path
from typing import Any, Final

from ktrdr.backtesting.hindsight import overlap_warnings, strategy_warnings, trained_on, warm_up_warnings
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import parse_range
from ktrdr.errors import BadRequestError
from ktrdr.model_files import unpack
from ktrdr.training.features import order
from ktrdr.training.history import fetch
from ktrdr.worker.application import create_worker
from ktrdr.worker.job import Job

REPORT_EVERY: Final = 250


def backtest(job: Job) -> dict[str, Any]:
    """Fetch the model and the bars, walk the bars; return the result_summary."""
    from ktrdr.backtesting.model_loader import load_model  # noqa: PLC0415  the application checks torch first
    from ktrdr.decision.engine import DecisionEngine  # noqa: PLC0415

    request = job.request
    job.report(0.0, f"fetching model {request['model']}", 0, 0)
    with tempfile.TemporaryDirectory(prefix="ktrdr-model-") as directory:
        path = Path(directory) / request["model"]
        path.mkdir()
        unpack(*job.backend.download_model(request["model"]), path)
        model = load_model(path)
    base = order(model.timeframes)[0]
    if request["timeframe"] != base:
        message = f"Model {request['model']} decides on {base} bars, not on {request['timeframe']}."
        raise BadRequestError("bad_timeframe", message)
    job.report(0.0, f"fetching {request['symbol']} {', '.join(model.timeframes)}", 0, 0)
    bars = fetch(job.backend, model.strategy, model.timeframes, request, check=job.check)
    start, _ = parse_range(request["start_date"], request["end_date"])
    first = bisect_left(bars[base].times, start) if start is not None else 0
    engine = DecisionEngine(model)
    rows = engine.prepare(bars, check=job.check)[first:]
    decisions = engine.decide(rows, check=job.check)
    walked = bars[base].between(first, len(bars[base]))

    def check(position: int) -> None:
        job.check()
        if position % REPORT_EVERY == 0:
            job.report(100 * position / len(rows), "walking the bars", position, len(rows))

    costs = Costs(request["initial_capital"], request["commission"], request["slippage"])
    found = walk(walked, decisions.signals.__getitem__, costs, check=check)
    job.report(100.0, "sending the trades and the equity", len(rows), len(rows))
    for record in found.records():
        job.backend.upload_record(job.operation_id, record)
    config = {**request, **trained_on(model.stored.metadata, request["symbol"], walked)}
    return {
        "config": config,
        "model_path": f"models/{request['model']}",
        "warm_up_bars": decisions.undecided,
        "warnings": overlap_warnings(config)
        + strategy_warnings(config)
        + warm_up_warnings(decisions.undecided, len(rows)),
        **found.summary(),
    }


app = create_worker("backtest", backtest)
