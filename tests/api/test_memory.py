"""The backend holds within the 512 MB that compose gives it: each request within its cost, all of them together too."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from ktrdr.api.costs import CHECKING, COSTS
from ktrdr.data.bars import iso
from ktrdr.model_files import CHECKPOINT_LIMIT, MIB
from ktrdr.records import KINDS as KINDS_OF_RECORDS
from ktrdr.records import Kind
from ktrdr.strategy.files import SIZE_LIMIT
from tests.api.backend import Api, Backend
from tests.api.extremes import FIRST, archive, at_work, dense, fill, holder, limited, memory, record, tester
from tests.api.population import Worker, backtest_result, keep_model
from tests.api.storm import storm, unread

LIMIT = 512_000_000
NOISE_MIB = 4.0
"""What the process takes beside a request: threads that begin, the collector's delay."""
LARGE_WEIGHTS = 54 * MIB
SECONDS = 180.0


@dataclass
class Filled:
    """A backend with the largest of everything, and a training's id."""

    backend: Backend
    api: httpx.Client
    training: str


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with (
        Backend(tmp_path_factory.mktemp("backend") / "data") as backend,
        Api(backend, SECONDS) as api,
    ):
        yield Filled(backend, api, fill(api))


KINDS = (*[f"bollinger_bands {number}" for number in range(7)], "obv")
MOST_INDICATORS: dict[str, Any] = {
    "symbol": "EURUSD",
    "timeframe": "1m",
    "start_date": iso(FIRST + 15_000 * 60),
    "limit": 5000,
    "indicators": {kind.replace(" ", "_"): {"type": kind.split()[0]} for kind in KINDS},
}
"""Over all the bars that one request may compute over."""


def large_strategy() -> bytes:
    """A strategy of as many indicators and fuzzy sets as there may be, in a file of the largest size."""
    corners = {f"m{number}": [number, number + 1, number + 2] for number in range(16)}
    document = {
        "name": "large", "version": "3.0", "training_data": {"symbols": ["EURUSD"], "timeframes": ["1h"]},
        "indicators": {f"i{number}": {"type": "rsi"} for number in range(64)},
        "fuzzy_sets": {f"f{number}": {"indicator": f"i{number}", **corners} for number in range(64)},
        "nn_inputs": [{"fuzzy_set": f"f{number}"} for number in range(64)],
        "model": {"type": "mlp"}, "training": {"labels": {"type": "zigzag"}},
    }  # fmt: skip
    text = json.dumps(document)
    return (text + "#" * (SIZE_LIMIT - len(text))).encode()


ASK: dict[str, Callable[[httpx.Client, str], httpx.Response]] = {
    "GET /api/v1/data/info": lambda api, _: api.get("data/info"),
    "GET /api/v1/data/{symbol}/{timeframe}": lambda api, _: api.get("data/EURUSD/1m", params={"limit": 50_000}),
    "GET /api/v1/models": lambda api, _: api.get("models"),
    "GET /api/v1/models/{name}": lambda api, _: api.get("models/m1"),
    "GET /api/v1/models/{name}/archive": lambda api, _: api.get("models/m1/archive"),
    "GET /api/v1/operations": lambda api, _: api.get("operations", params={"limit": 2}),
    "GET /api/v1/operations/{operation_id}": lambda api, training: api.get(f"operations/{training}"),
    "GET /api/v1/operations/{operation_id}/results": lambda api, training: api.get(f"operations/{training}/results"),
    "GET /api/v1/trainings/{task_id}/performance": lambda api, training: api.get(f"trainings/{training}/performance"),
    "GET /api/v1/workers": lambda api, _: api.get("workers"),
    "GET /api/v1/strategies": lambda api, _: api.get("strategies"),
    "PUT /api/v1/strategies/{name}": lambda api, _: api.put("strategies/large", content=large_strategy()),
    "POST /api/v1/indicators/calculate": lambda api, _: api.post("indicators/calculate", json=MOST_INDICATORS),
    "GET /openapi.json": lambda api, _: api.get(str(api.base_url.copy_with(path="/openapi.json"))),
    "GET /metrics": lambda api, _: api.get(str(api.base_url.copy_with(path="/metrics"))),
}  # fmt: skip


KEPT = "GET /api/v1/operations/{operation_id}/checkpoint"
UPLOAD: dict[str, Callable[[Worker], httpx.Response]] = {
    "PUT /api/v1/models/{name}/archive": lambda worker: worker.upload(archive(LARGE_WEIGHTS)),
    "PUT /api/v1/operations/{operation_id}/checkpoint": lambda worker: worker.keep(bytes(CHECKPOINT_LIMIT)),
    KEPT: lambda worker: worker.kept(),
}


@pytest.mark.parametrize("route", [*ASK, *UPLOAD])
def test_a_request_at_its_largest_stays_within_its_cost(filled: Filled, route: str) -> None:
    workers = [holder(filled.api)] if route in UPLOAD else []
    with at_work(*workers):
        if route == KEPT:
            workers[0].keep(bytes(CHECKPOINT_LIMIT)).raise_for_status()
        filled.backend.stop()  # memory that was freed and kept would be used again unseen
        filled.backend.start()
        filled.api.get("operations/none")
        before, _ = memory(filled.backend.pid)
        answer = UPLOAD[route](workers[0]) if workers else ASK[route](filled.api, filled.training)
        _, peak = memory(filled.backend.pid)
    print(f"{route}: {len(answer.content)} bytes, {peak - before:.1f} MiB")
    assert answer.is_success
    assert len(answer.content) <= COSTS[route].answer
    alone = CHECKING if route in UPLOAD else 0
    assert peak - before <= (COSTS[route].memory + alone) / MIB + NOISE_MIB


@pytest.mark.parametrize("kind", KINDS_OF_RECORDS)
def test_a_record_of_any_length_is_taken_and_given_within_its_cost(filled: Filled, kind: Kind) -> None:
    worker, content, path = tester(filled.api), record(kind), "/api/v1/operations/{operation_id}/"
    with at_work(worker):
        filled.backend.stop()
        filled.backend.start()
        filled.api.get("operations/none")
        before, _ = memory(filled.backend.pid)
        worker.send(kind, content).raise_for_status()
        _, taking = memory(filled.backend.pid)
    worker.beat("completed", 100, "done", result_summary=backtest_result())
    read = {
        name: drained(filled.api, f"operations/{worker.operation_id}/{kind}?format={name}") for name in ("csv", "json")
    }
    _, giving = memory(filled.backend.pid)
    print(f"{kind}: {taking - before:.1f} MiB to take, {giving - before:.1f} to give, {read}")
    assert 32 * MIB * 0.99 < read["csv"] < read["json"] <= COSTS[f"GET {path}{kind}"].answer
    assert taking - before <= COSTS[f"PUT {path}{kind}"].memory / MIB + NOISE_MIB
    assert giving - before <= max(COSTS[f"{method} {path}{kind}"].memory for method in ("PUT", "GET")) / MIB + NOISE_MIB


def drained(api: httpx.Client, path: str) -> int:
    """Return how many bytes an answer has, and keep none of them."""
    with api.stream("GET", path) as answer:
        answer.raise_for_status()
        return sum(map(len, answer.iter_bytes()))


def test_all_requests_together_stay_within_the_memory_of_the_container(filled: Filled) -> None:
    backend, large = filled.backend, archive(LARGE_WEIGHTS)
    with limited(backend.pid, LIMIT):
        keep_model(filled.api, "large0", large)
        with unread(filled.api, "models/large0/archive", f"operations/{filled.training}/results"):
            storms = storm(filled.api, filled.training, "large0", large)
    print(f"peak {backend.peak_mib():.0f} MiB, {storms}")
    assert set().union(*storms.values()) <= {200, 201, 503}
    assert [name for name, statuses in storms.items() if set(statuses) == {503}] == []
    assert set(storms["bars"]) == {200}
    assert httpx.get(f"{backend.url}/api/v1/health", trust_env=False).status_code == 200
    assert backend.peak_mib() < LIMIT / MIB


def test_json_that_would_take_a_multiple_of_its_bytes_is_not_kept(filled: Filled) -> None:
    worker = holder(filled.api)
    with at_work(worker):
        for size, values in ((8 * MIB, 5_000_000), (3 * MIB, 100), (1 * MIB, 300_000)):
            content = dense(size, values)
            answer = worker.upload(archive().replace(b"x" * 100, b"x" * 100) + content)
            assert answer.status_code == 422
    names = [model["name"] for model in filled.api.get("models", params={"limit": 1}).json()["models"]]
    assert worker.model not in names
