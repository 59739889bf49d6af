"""The backend holds within the 512 MB that compose gives it: each request within its cost, all of them together too."""

from collections.abc import Iterator

import httpx
import pytest

from ktrdr.api.bodies import is_streamed
from ktrdr.api.budget import BODY_FACTOR
from ktrdr.api.costs import CHECKING, COSTS, SMALL
from ktrdr.model_files import CHECKPOINT_LIMIT, MIB
from ktrdr.records import KINDS as KINDS_OF_RECORDS
from ktrdr.records import Kind
from tests.api import largest
from tests.api.backend import Api, Backend
from tests.api.extremes import archive, at_work, backtester, dense, holder, limited, memory, record
from tests.api.largest import ASK, KEPT, LARGE_WEIGHTS, MODEL, UPLOAD, Filled
from tests.api.population import backtest_result, keep_model
from tests.api.storm import storm, unread

LIMIT = 512_000_000
NOISE_MIB = 4.0
"""What the process takes beside a request: threads that begin, the collector's delay."""
SECONDS = 180.0
RECORDS = "/api/v1/operations/{operation_id}/"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with (
        Backend(tmp_path_factory.mktemp("backend") / "data") as backend,
        Api(backend, SECONDS) as api,
    ):
        yield largest.filled(backend, api)


def test_every_route_that_costs_more_than_a_little_is_tried() -> None:
    tried = {*ASK, *UPLOAD, *(f"{method} {RECORDS}{kind}" for method in ("GET", "PUT") for kind in KINDS_OF_RECORDS)}
    assert {route for route, cost in COSTS.items() if cost != SMALL} <= tried <= {*COSTS}


def of_body(request: httpx.Request) -> int:
    """Return what a request's body may take in addition, unless it is read as a stream."""
    announced = int(request.headers.get("Content-Length", "0"))
    return 0 if is_streamed(request.url.path) else BODY_FACTOR * announced


@pytest.mark.parametrize("route", [*ASK, *UPLOAD])
def test_a_request_at_its_largest_stays_within_its_cost(filled: Filled, route: str) -> None:
    send = UPLOAD.get(route)
    workers = [holder(filled.api)] if send else []
    with at_work(*workers):
        if route == KEPT:
            workers[0].keep(bytes(CHECKPOINT_LIMIT)).raise_for_status()
        filled.backend.stop()  # memory that was freed and kept would be used again unseen
        filled.backend.start()
        filled.api.get("operations/none")
        before, _ = memory(filled.backend.pid)
        answer = send(workers[0]) if send else ASK[route](filled)
        _, peak = memory(filled.backend.pid)
    print(f"{route}: {len(answer.content)} bytes, {peak - before:.1f} MiB")
    assert answer.is_success
    assert len(answer.content) <= COSTS[route].answer
    alone = CHECKING if route == MODEL else 0
    assert peak - before <= (COSTS[route].memory + alone + of_body(answer.request)) / MIB + NOISE_MIB


@pytest.mark.parametrize("kind", KINDS_OF_RECORDS)
def test_a_record_of_any_length_is_taken_and_given_within_its_cost(filled: Filled, kind: Kind) -> None:
    worker, content, path = backtester(filled.api), record(kind), RECORDS
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
