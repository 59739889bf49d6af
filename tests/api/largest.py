"""The largest request to each route that costs more than a little; the backend holds the largest of everything."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ktrdr.data.bars import HEADER, iso
from ktrdr.epochs import EPOCHS_LIMIT
from ktrdr.model_files import CHECKPOINT_LIMIT, CONFIG, JSON_LIMIT, MIB, VALUES_LIMIT
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.files import SIZE_LIMIT, StrategyDirectory
from tests.api.backend import Api, Backend
from tests.api.extremes import FIRST, POINTS, archive, beat, dense, fill, holder, report
from tests.api.population import STRATEGY, Worker, keep_model

LARGE_WEIGHTS: Final = 54 * MIB
STRATEGIES: Final = 8
PREDICTS: Final = "predicts"
KINDS: Final = (*[f"bollinger_bands {number}" for number in range(7)], "obv")
MOST_INDICATORS: Final[dict[str, Any]] = {
    "symbol": "EURUSD",
    "timeframe": "1m",
    "start_date": iso(FIRST + 15_000 * 60),
    "limit": 5000,
    "indicators": {kind.replace(" ", "_"): {"type": kind.split()[0]} for kind in KINDS},
}
"""Over all the bars that one request may compute over."""


@dataclass
class Filled:
    """A backend with the largest of everything, and the ids of operations that have ended."""

    backend: Backend
    api: httpx.Client
    training: str
    failed: str


def large_strategy(name: str = "large") -> bytes:
    """A strategy of as many indicators and fuzzy sets as there may be, in a file of the largest size."""
    corners = {f"m{number}": [number, number + 1, number + 2] for number in range(16)}
    document = {
        "name": name, "version": "3.0", "training_data": {"symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"]},
        "indicators": {f"i{number}": {"type": "rsi"} for number in range(64)},
        "fuzzy_sets": {f"f{number}": {"indicator": f"i{number}", **corners} for number in range(64)},
        "nn_inputs": [{"fuzzy_set": f"f{number}"} for number in range(64)],
        "model": {"type": "mlp"}, "training": {"labels": {"type": "zigzag"}},
    }  # fmt: skip
    text = json.dumps(document)
    return (text + "#" * (SIZE_LIMIT - len(text))).encode()


def newest_first() -> bytes:
    """Bars as some vendors write them: in other columns, and the newest one first, so that all are turned."""
    rows = [f"{iso(FIRST + 60 * i)},1.23,1.34,1.12,1.23,1234567.125" for i in range(POINTS - 1, -1, -1)]
    return "\n".join([HEADER.replace("timestamp", "Datetime").title(), *rows, ""]).encode()


def predicting() -> bytes:
    """A model of the largest files that has a valid copy of its strategy."""
    document = StrategyDirectory(SHIPPED_STRATEGIES).document(STRATEGY)
    own = f'"strategy":{json.dumps(document)},'
    return archive(instead={CONFIG: dense(JSON_LIMIT, VALUES_LIMIT - 1000, own)})


def filled(backend: Backend, api: Api) -> Filled:
    """Fill a backend."""
    training = fill(api)
    keep_model(api, PREDICTS, predicting())
    for number in range(STRATEGIES):
        api.put(f"strategies/large{number}", content=large_strategy(f"large{number}")).raise_for_status()
    epoch = {"train_loss": 1.0123456789, "train_accuracy": 0.5, "val_loss": 1.0123456789, "val_accuracy": 0.5}
    trainer = holder(api)
    trainer.beat("running", 50, epochs=[{"epoch": 1 + number, **epoch} for number in range(EPOCHS_LIMIT)])
    trainer.beat("failed", 60, error={"code": "diverged", "message": "x" * 2000})
    return Filled(backend, api, training, trainer.operation_id)


def _get(path: str, **params: Any) -> Callable[[Filled], httpx.Response]:
    return lambda there: there.api.get(path.format(**vars(there)), params=params)


def _page(path: str) -> Callable[[Filled], httpx.Response]:
    return lambda there: there.api.get(f"{there.backend.url}{path}")


ASK: Final[dict[str, Callable[[Filled], httpx.Response]]] = {
    "GET /page/{path}": _page("/page/main.js"),
    "GET /openapi.json": _page("/openapi.json"),
    "GET /metrics": _page("/metrics"),
    "GET /api/v1/data/symbols": _get("data/symbols"),
    "GET /api/v1/data/info": _get("data/info"),
    "GET /api/v1/data/{symbol}/{timeframe}": _get("data/EURUSD/1m", limit=50_000),
    "POST /api/v1/data/{symbol}/{timeframe}": lambda there: there.api.post("data/TURNED/1m", content=newest_first()),
    "POST /api/v1/indicators/calculate": lambda there: there.api.post("indicators/calculate", json=MOST_INDICATORS),
    "GET /api/v1/strategies": _get("strategies"),
    "GET /api/v1/strategies/{name}": _get("strategies/large0"),
    "GET /api/v1/strategies/{name}/file": _get("strategies/large0/file"),
    "POST /api/v1/strategies": lambda there: there.api.post("strategies", content=large_strategy("another")),
    "PUT /api/v1/strategies/{name}": lambda there: there.api.put("strategies/large", content=large_strategy()),
    "POST /api/v1/strategies/validate/{name}": lambda there: there.api.post("strategies/validate/large0"),
    "GET /api/v1/models": _get("models"),
    "GET /api/v1/models/{name}": _get("models/m1"),
    "GET /api/v1/models/{name}/archive": _get("models/m1/archive"),
    "POST /api/v1/models/{name}/predict": lambda there: there.api.post(
        f"models/{PREDICTS}/predict", json={"symbol": "EURUSD-SAMPLE", "bars": 1000}
    ),
    "POST /api/v1/trainings/start": lambda there: there.api.post("trainings/start", json={"strategy_name": "large0"}),
    "GET /api/v1/trainings/{task_id}/performance": _get("trainings/{training}/performance"),
    "POST /api/v1/backtests/start": lambda there: there.api.post(
        "backtests/start",
        json={"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", "model_path": "m1"},
    ),
    "GET /api/v1/operations": _get("operations", limit=2),
    "GET /api/v1/operations/{operation_id}": _get("operations/{training}"),
    "GET /api/v1/operations/{operation_id}/results": _get("operations/{training}/results"),
    "GET /api/v1/operations/{operation_id}/metrics": _get("operations/{failed}/metrics"),
    "POST /api/v1/operations/{operation_id}/retry": lambda there: there.api.post(f"operations/{there.failed}/retry"),
    "GET /api/v1/workers": _get("workers"),
}
MODEL: Final = "PUT /api/v1/models/{name}/archive"
KEPT: Final = "GET /api/v1/operations/{operation_id}/checkpoint"
UPLOAD: Final[dict[str, Callable[[Worker], httpx.Response]]] = {
    MODEL: lambda worker: worker.upload(archive(LARGE_WEIGHTS)),
    "PUT /api/v1/operations/{operation_id}/checkpoint": lambda worker: worker.keep(bytes(CHECKPOINT_LIMIT)),
    KEPT: lambda worker: worker.kept(),
    "POST /api/v1/workers/{worker_id}/heartbeat": lambda worker: beat(
        worker.api, worker.worker_id, report(worker.operation_id)
    ),
}
"""What only a worker sends of the training that it holds."""
