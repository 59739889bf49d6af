"""Workers that are told to end in the middle of their work, as processes of their own: what becomes of the work."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.store.database import Database
from ktrdr.api.store.operations import WORKER_TYPE, OperationType
from tests.api.population import STRATEGY, backtest_result, training_result
from tests.store.backend import Backend
from tests.store.conftest import Place
from tests.store.relay import Relay
from tests.store.shift import MANNER, RESULT
from tests.support.servers import nobody
from tests.support.waiting import until

SECONDS = 60.0
ENDED_BY_SIGTERM = -signal.SIGTERM
"""As before: the server raises the signal again once it has stopped. An engine shows it as 143."""


DECISION = {"timestamp": "2023-06-01T10:00:00Z", "close": 1.07, "signal": "BUY", "confidence": 0.7}
RESULTS: dict[OperationType, dict[str, Any]] = {
    "training": training_result(),
    "backtesting": backtest_result(),
    "prediction": {
        "decision": DECISION, "decisions": [DECISION], "confidence_threshold": 0.5, "warm_up_bars": 0, "warnings": [],
        "model_path": f"models/{STRATEGY}_a",
    },
}  # fmt: skip


class Crew:
    """Worker processes, all of which are gone at the end."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def hire(
        self,
        backend: Backend,
        name: str,
        kind: OperationType = "training",
        manner: str = "",
        *,
        port: int = 0,
        log: Path = Path(os.devnull),
    ) -> "subprocess.Popen[bytes]":
        """Start a worker, which may reach the backend at another port; wait until it has registered."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            own_port: int = free.getsockname()[1]
        own = {
            "KTRDR_WORKER_ID": name, "KTRDR_WORKER_TYPE": WORKER_TYPE[kind], "KTRDR_WORKER_PORT": str(own_port),
            "KTRDR_API_URL": f"http://127.0.0.1:{port or backend.port}",
            MANNER: manner, RESULT: json.dumps(RESULTS[kind]),
        }  # fmt: skip
        before = registered_at(backend, name)
        command = [sys.executable, "-m", "tests.store.shift"]
        with log.open("ab") as written:
            self.processes.append(subprocess.Popen(command, env={**os.environ, **own}, stderr=written))
        until(f"{name} to register", lambda: registered_at(backend, name) != before, SECONDS)
        return self.processes[-1]


def registered_at(backend: Backend, name: str) -> str | None:
    found = {one["worker_id"]: one["registered_at"] for one in backend.get("workers")["workers"]}
    return found.get(name)


ON_SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    for process in crew.processes:
        process.kill()
        process.wait(SECONDS)


@contextmanager
def dispatcher(place: Place) -> Iterator[Dispatcher]:
    """The queue itself, as a further backend would use it."""
    database = Database(place.address)
    assert database.open() is None
    with closing(database):
        yield Dispatcher(database)


def queued(place: Place, kind: OperationType) -> str:
    with dispatcher(place) as queue:
        return queue.enqueue(kind, {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE"})


def operation(backend: Backend, operation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = backend.get(f"operations/{operation_id}")["operation"]
    return found


def under_way(backend: Backend, operation_id: str) -> None:
    until("work to be under way", lambda: operation(backend, operation_id)["progress"]["percentage"] == 40, SECONDS)


def ended(backend: Backend, operation_id: str) -> dict[str, Any]:
    until("the end", lambda: operation(backend, operation_id)["completed_at"], SECONDS)
    return operation(backend, operation_id)


def repeat_of(backend: Backend, operation_id: str) -> dict[str, Any] | None:
    found = backend.get(f"operations?retry_of={operation_id}")["operations"]
    return found[0] if found else None


def leave(process: "subprocess.Popen[bytes]", *, times: int = 1) -> None:
    """Send SIGTERM, and again at once; wait for the end, whose code is as ever."""
    for _ in range(times):
        process.terminate()
    assert process.wait(SECONDS) == ENDED_BY_SIGTERM


@pytest.mark.parametrize(("kind", "times"), [("training", 1), ("backtesting", 3), ("prediction", 2)])
def test_what_a_worker_had_begun_is_done_by_another_once_the_first_is_told_to_end(
    backend: Backend, place: Place, crew: Crew, kind: OperationType, times: int
) -> None:
    backend.start()
    first = crew.hire(backend, "first", kind, "endless")
    task = queued(place, kind)
    under_way(backend, task)
    leave(first, times=times)
    left = operation(backend, task)
    assert (left["status"], left["error_code"]) == ("failed", "worker_shutdown")
    again = repeat_of(backend, task)
    assert again is not None
    kept = " It goes on from its last checkpoint." if kind == "training" else ""
    told = f"it is queued anew as {again['operation_id']}.{kept}"
    assert left["error_message"] == f"Worker first was told to end while it worked on this; {told}"
    assert (again["status"], again["metadata"]["request"]) == ("pending", left["metadata"]["request"])
    assert backend.get("workers")["workers"] == []
    crew.hire(backend, "second", kind)
    done = ended(backend, again["operation_id"])
    assert (done["status"], done["metadata"]["worker_id"]) == ("completed", "second")
    assert done["result_summary"].get("resumed_after_epoch") == (2 if kind == "training" else None)
    assert backend.get("operations")["total_count"] == 2


@ON_SQLITE
def test_work_that_does_not_stop_is_queued_anew_all_the_same(backend: Backend, place: Place, crew: Crew) -> None:
    backend.start()
    deaf = crew.hire(backend, "first", "backtesting", "deaf")
    task = queued(place, "backtesting")
    under_way(backend, task)
    leave(deaf)
    assert operation(backend, task)["error_code"] == "worker_shutdown"
    assert repeat_of(backend, task)


@ON_SQLITE
def test_a_backend_that_is_away_for_a_moment_is_told_when_it_is_back(
    backend: Backend, place: Place, tmp_path: Path, crew: Crew
) -> None:
    backend.start()
    relay, log = Relay(backend.port), tmp_path / "worker.log"
    try:
        first = crew.hire(backend, "first", manner="endless", port=relay.port, log=log)
        task = queued(place, "training")
        under_way(backend, task)
        relay.move(int(nobody()))
        first.terminate()
        until("a worker that leaves", lambda: "Waiting for application shutdown" in log.read_text(), SECONDS)
        relay.move(backend.port)
        assert first.wait(SECONDS) == ENDED_BY_SIGTERM
        assert operation(backend, task)["error_code"] == "worker_shutdown"
        assert repeat_of(backend, task)
    finally:
        relay.close()


@ON_SQLITE
def test_a_worker_ends_where_the_backend_stays_away_and_its_work_is_lost_not_forgotten(
    backend: Backend, place: Place, crew: Crew
) -> None:
    backend.start()
    first = crew.hire(backend, "first", manner="endless")
    task = queued(place, "training")
    under_way(backend, task)
    backend.kill()
    leave(first)
    backend.start()
    assert operation(backend, task)["status"] == "running"
    crew.hire(backend, "first")  # as its container is started again
    assert operation(backend, task)["error_code"] == "worker_lost"
    assert repeat_of(backend, task) is None


@ON_SQLITE
def test_a_worker_that_is_killed_is_lost(backend: Backend, place: Place, crew: Crew) -> None:
    backend.start()
    first = crew.hire(backend, "first", manner="endless")
    task = queued(place, "training")
    under_way(backend, task)
    first.kill()
    first.wait(SECONDS)
    assert operation(backend, task)["status"] == "running"
    crew.hire(backend, "first")
    assert operation(backend, task)["error_code"] == "worker_lost"
    assert repeat_of(backend, task) is None


@ON_SQLITE
def test_a_person_retries_where_the_setting_says_so(place: Place, tmp_path: Path, crew: Crew) -> None:
    backend = Backend(tmp_path / "data", place.url, KTRDR_RETRY_ON_SHUTDOWN="false")
    try:
        backend.start()
        first = crew.hire(backend, "first", manner="endless")
        task = queued(place, "training")
        under_way(backend, task)
        leave(first)
        left = operation(backend, task)
        assert (left["status"], left["error_code"], repeat_of(backend, task)) == ("failed", "worker_shutdown", None)
        assert left["error_message"].endswith("; retry the operation. It goes on from its last checkpoint.")
        crew.hire(backend, "second")
        again = backend.post(f"operations/{task}/retry")["operation_id"]
        assert ended(backend, again)["result_summary"]["resumed_after_epoch"] == 2
    finally:
        backend.end()


def test_what_a_worker_of_one_backend_leaves_a_worker_of_another_goes_on_with(
    postgres_place: Place, tmp_path: Path, crew: Crew
) -> None:
    backends = [Backend(tmp_path / "data", postgres_place.url) for _ in range(2)]
    try:
        for backend in backends:
            backend.start()
        one, two = backends
        first = crew.hire(one, "first", manner="endless")
        task = queued(postgres_place, "training")
        under_way(two, task)
        crew.hire(two, "second")
        leave(first)
        again = repeat_of(two, task)
        assert again is not None
        done = ended(two, again["operation_id"])
        assert (done["metadata"]["worker_id"], done["result_summary"]["resumed_after_epoch"]) == ("second", 2)
        assert operation(one, task) == operation(two, task)
        assert operation(one, task)["error_code"] == "worker_shutdown"
    finally:
        for backend in backends:
            backend.end()
