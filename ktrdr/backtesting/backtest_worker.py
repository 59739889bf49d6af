"""The backtest worker's application: `uvicorn ktrdr.backtesting.backtest_worker:app`."""

import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ktrdr.backtesting.hindsight import overlap_warnings, strategy_warnings, trained_on, warm_up_warnings
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bars, iso, parse_range
from ktrdr.data.resample import told
from ktrdr.errors import BadRequestError
from ktrdr.model_files import unpack
from ktrdr.stopping import may_stop
from ktrdr.training.features import order
from ktrdr.training.history import fetch, made_of
from ktrdr.worker.application import create_worker
from ktrdr.worker.job import FETCHED, Job

if TYPE_CHECKING:
    from ktrdr.decision.engine import Decisions
    from ktrdr.training.model_store import LoadedModel

REPORT_EVERY: Final = 250


@dataclass(frozen=True)
class Decided:
    """What a model decided on the bars of a range: a decision a bar."""

    model: "LoadedModel"
    bars: Bars
    decisions: "Decisions"


def decide(job: Job) -> Decided:
    """Fetch the model and the bars of the request's range, and decide on each bar."""
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
    bars = fetch(job.backend, model.strategy, model.timeframes, request, check=job.check, report=job.fetched)
    job.report(FETCHED, "computing indicators and decisions", 0, 0)
    start, _ = parse_range(request["start_date"], request["end_date"])
    first = bisect_left(bars[base].times, start) if start is not None else 0
    engine = DecisionEngine(model)
    rows = engine.prepare(bars, check=job.check)[first:]
    decisions = engine.decide(rows, check=job.check)
    return Decided(model, bars[base].between(first, len(bars[base])), decisions)


def backtest(job: Job) -> dict[str, Any]:
    """Decide on the bars of a range and walk them; return the result_summary."""
    request = job.request
    decided = decide(job)
    walked, decisions = decided.bars, decided.decisions

    def check(position: int) -> None:
        job.check()
        if position % REPORT_EVERY == 0:
            share = position / len(walked)
            job.report(FETCHED + (100 - FETCHED) * share, "walking the bars", position, len(walked))

    costs = Costs(request["initial_capital"], request["commission"], request["slippage"])
    found = walk(walked, decisions.signals.__getitem__, costs, check=check)
    job.report(100.0, "sending the trades and the equity", len(walked), len(walked))
    with may_stop(job.check):
        for record in found.records():
            job.backend.upload_record(job.operation_id, record)
        summary = found.summary()
    config = {**request, **trained_on(decided.model.stored.metadata, request["symbol"], walked)}
    return {
        "config": config,
        "model_path": f"models/{request['model']}",
        "warm_up_bars": decisions.undecided,
        "warnings": told(request["symbol"], made_of(request))
        + overlap_warnings(config)
        + strategy_warnings(config)
        + warm_up_warnings(decisions.undecided, len(walked)),
        **summary,
    }


def predict(job: Job) -> dict[str, Any]:
    """Decide on the newest bars as a backtest does; return the result_summary.

    A bar without a decision, because too few earlier ones are stored, has the signal HOLD and no confidence.
    """
    request = job.request
    decided = decide(job)
    decisions = [
        {"timestamp": iso(time), "close": close, "signal": one.signal.name, "confidence": one.confidence or None}
        for time, close, one in zip(decided.bars.times, decided.bars.closes, decided.decisions, strict=True)
    ]
    config = {**request, **trained_on(decided.model.stored.metadata, request["symbol"], decided.bars)}
    undecided = warm_up_warnings(decided.decisions.undecided, len(decisions))
    return {
        "config": config,
        "model_path": f"models/{request['model']}",
        "confidence_threshold": decided.model.strategy.decisions.confidence_threshold,
        "decision": decisions[-1],
        "decisions": decisions,
        "warm_up_bars": decided.decisions.undecided,
        "warnings": told(request["symbol"], made_of(request))
        + overlap_warnings(config)
        + strategy_warnings(config)
        + undecided,
    }


def work(job: Job) -> dict[str, Any]:
    """Do a prediction or a backtest, whichever the operation is."""
    return predict(job) if job.operation_type == "prediction" else backtest(job)


app = create_worker("backtest", work)
