"""A training that its worker left behind goes on from its checkpoint, and nothing of it stays when it ends."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.api.services import checkpoints as service
from ktrdr.api.store.workers import Caller
from ktrdr.model_files import CHECKPOINT_LIMIT, digest
from ktrdr.settings import Settings
from ktrdr.worker.agent import Agent
from ktrdr.worker.backend import BackendAwayError, BackendRefusedError
from ktrdr.worker.checkpoints import AFTER_FAILURE_S, EVERY_S, Checkpoints
from ktrdr.worker.job import CancelledError, Job
from ktrdr.worker.settings import WorkerSettings
from tests.api.extremes import holder
from tests.api.population import Worker, start_training, store_bars, training_result
from tests.support.direct_backend import TIMEOUT_S, DirectBackend
from tests.unit.ktrdr.test_worker import ended, until

CONTENT = b"after epoch 3"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    """One backend for all: each test has workers and operations of its own."""
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(data)})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        store_bars(client)
        yield client


@pytest.fixture
def trainer(client: TestClient) -> Worker:
    worker = holder(client)
    worker.beat("running", 10, "epoch 1")
    return worker


def keep(worker: Worker, content: bytes = CONTENT, operation_id: str = "", **headers: str) -> httpx.Response:
    sent = {"X-Content-SHA256": digest(content), "X-Worker-Token": worker.token, **headers}
    return worker.api.put(f"operations/{operation_id or worker.operation_id}/checkpoint", content=content, headers=sent)


def found(client: TestClient, operation_id: str) -> bytes | None:
    answer = client.get(f"operations/{operation_id}/checkpoint")
    assert answer.status_code in (200, 404)
    return answer.content if answer.is_success else None


def sweep(client: TestClient) -> None:
    client.app.state.context.checkpoints.sweep()  # type: ignore[attr-defined]  # FastAPI's


def files(client: TestClient, data: Path) -> list[str]:
    """The files that stay once the backend has swept."""
    sweep(client)
    return sorted(path.name for path in (data / "checkpoints").iterdir())


def test_the_last_checkpoint_is_kept_whole_and_no_other(client: TestClient, trainer: Worker, data: Path) -> None:
    for content in (b"after epoch 1", b"after epoch 2", CONTENT, CONTENT):
        assert keep(trainer, content).status_code == 201
        answer = client.get(f"operations/{trainer.operation_id}/checkpoint")
        assert (answer.content, answer.headers["x-content-sha256"]) == (content, digest(content))
    assert [name for name in files(client, data) if name.startswith(trainer.operation_id)] == [
        f"{trainer.operation_id}.{digest(CONTENT)}"
    ]


def test_only_the_worker_that_holds_a_training_keeps_its_checkpoint(client: TestClient, trainer: Worker) -> None:
    other = holder(client)
    nobody = keep(trainer, CONTENT, **{"X-Worker-Token": ""})
    for answer in (keep(other, operation_id=trainer.operation_id), nobody):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_its_worker")
    assert found(client, trainer.operation_id) is None
    assert client.get("operations/none/checkpoint").json()["error"]["code"] == "no_operation"


def test_a_damaged_checkpoint_leaves_the_one_before(client: TestClient, trainer: Worker, data: Path) -> None:
    keep(trainer)
    answer = keep(trainer, b"half", **{"X-Content-SHA256": digest(b"half and half")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "digest_mismatch")
    assert found(client, trainer.operation_id) == CONTENT
    assert not [name for name in files(client, data) if name.startswith(service.PREFIX)]


def test_a_checkpoint_has_a_bound(trainer: Worker) -> None:
    answer = keep(trainer, b"x", **{"Content-Length": str(CHECKPOINT_LIMIT + 1)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "content_too_large")


ENDINGS: dict[str, dict[str, Any]] = {
    "completed": {"result_summary": training_result()},
    "failed": {"error": {"code": "diverged", "message": "lower it"}},
    "cancelled": {},
}


@pytest.mark.parametrize("status", ENDINGS)
def test_a_training_that_ends_leaves_no_checkpoint(
    client: TestClient, trainer: Worker, data: Path, status: str
) -> None:
    keep(trainer)
    if status == "cancelled":
        client.delete(f"operations/{trainer.operation_id}").raise_for_status()
    trainer.beat(status, 50, "end", **ENDINGS[status])
    assert found(client, trainer.operation_id) is None
    assert not [name for name in files(client, data) if name.startswith(trainer.operation_id)]
    assert keep(trainer).status_code == 409


def leave(worker: Worker, how: str) -> None:
    """Leave a training as workers do that are killed, or cut off from the backend."""
    if how == "killed":
        worker.api.delete(f"workers/{worker.worker_id}").raise_for_status()
    else:
        worker.beat("failed", 50, "epoch 3", error={"code": "backend_away", "message": "does not answer"})


@pytest.mark.parametrize("how", ["killed", "cut off"])
def test_a_training_that_was_left_behind_hands_its_checkpoint_on_to_its_retry(
    client: TestClient, trainer: Worker, how: str
) -> None:
    keep(trainer)
    leave(trainer, how)
    first = trainer.operation_id
    assert found(client, first) == CONTENT
    told = client.get(f"operations/{first}").json()["operation"]["error_message"] or ""
    assert ("It goes on from its last checkpoint." in told) is (how == "killed")
    Worker(client, "any", "training").register()  # or nobody could be given the retry
    again = client.post(f"operations/{first}/retry").json()["operation_id"]
    assert (found(client, first), found(client, again)) == (None, CONTENT)
    client.delete(f"operations/{again}").raise_for_status()
    assert found(client, again) is None


def test_only_so_many_trainings_that_have_ended_keep_a_checkpoint(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LEFT_BEHIND", 2)
    running = holder(client)
    keep(running)
    left = []
    for number in range(3):
        worker = holder(client)
        worker.beat("running", 10, "epoch 1")
        keep(worker, f"{number}".encode())
        leave(worker, "killed")
        left.append(worker.operation_id)
    sweep(client)
    assert [found(client, one) for one in (*left, running.operation_id)] == [None, b"1", b"2", CONTENT]


def test_an_upload_that_stands_still_for_long_is_not_swept_away(client: TestClient, data: Path) -> None:
    worker, checkpoints = holder(client), client.app.state.context.checkpoints  # type: ignore[attr-defined]  # FastAPI's
    caller = Caller(worker.token, "192.0.2.1")
    with checkpoints.incoming(caller, worker.operation_id, digest(CONTENT)) as incoming:
        (path,) = (data / "checkpoints").glob(f"{service.PREFIX}*")
        os.utime(path, (time.time() - 7200,) * 2)
        sweep(client)
        incoming.feed(CONTENT)
        incoming.finish()
    assert found(client, worker.operation_id) == CONTENT


def test_files_that_no_training_names_are_removed(client: TestClient, data: Path) -> None:
    folder = data / "checkpoints"
    folder.mkdir(exist_ok=True)
    old, young = folder / f"{service.PREFIX}old", folder / f"{service.PREFIX}young"
    for path in (folder / "op_training_gone.0", old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    sweep(client)
    assert not (folder / "op_training_gone.0").exists()
    assert (old.exists(), young.exists()) == (False, True)
    young.unlink()


def test_an_operation_that_has_ended_is_removed_by_request(client: TestClient, trainer: Worker, data: Path) -> None:
    path = f"operations/{trainer.operation_id}"
    refused = client.delete(f"{path}/entry")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "operation_not_finished")
    assert "cancel it" in refused.json()["error"]["message"]
    keep(trainer)
    leave(trainer, "killed")
    answer = client.delete(f"{path}/entry")
    assert (answer.status_code, answer.json()["operation_id"]) == (200, trainer.operation_id)
    for gone in (client.get(path), client.get(f"{path}/results"), client.delete(f"{path}/entry")):
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "no_operation")
    assert not [name for name in files(client, data) if name.startswith(trainer.operation_id)]


def agent(client: TestClient, name: str, work: Any) -> Agent:
    settings = WorkerSettings("training", name, 5003, "http://backend:8000", "http://w:5003")
    return Agent(settings, DirectBackend(client), {"gpu": False}, work)


def test_another_worker_goes_on_where_the_lost_one_was(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE_INTERVAL_S", "BUSY_INTERVAL_S"):
        monkeypatch.setattr(f"ktrdr.worker.agent.{name}", 0.01)
    seen: list[bytes | None] = []
    begun = threading.Event()

    def work(job: Job) -> dict[str, Any]:
        """Work through three epochs; the first worker never comes to the end."""
        keeper = Checkpoints(job)
        content = keeper.found()
        seen.append(content)
        if content is None:
            keeper.keep(b"epoch 2")
            keeper.wait(TIMEOUT_S)
            begun.set()
            while True:
                job.pause(0.01)
        return {**training_result(job.operation_id), "resumed_after_epoch": int(content[-1:])}

    lost = agent(client, "lost", work)
    lost.start()
    until(lambda: client.get("workers/lost").is_success)
    task = start_training(client)
    assert begun.wait(TIMEOUT_S)
    until(lambda: client.get(f"operations/{task}").json()["operation"]["status"] == "running")
    monkeypatch.setattr(lost, "_heartbeat", lambda: 60.0)  # as if its process had been killed
    client.delete("workers/lost").raise_for_status()
    assert ended(client, task)["error_code"] == "worker_lost"
    other = agent(client, "other", work)
    other.start()
    try:
        until(lambda: client.get("workers/other").is_success)
        again = client.post(f"operations/{task}/retry").json()["operation_id"]
        result = ended(client, again)["result_summary"]
        assert (seen, result["resumed_after_epoch"]) == ([None, b"epoch 2"], 2)
        assert found(client, again) is None
    finally:
        other.stop()
        lost.stop()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Backend:
    """Takes checkpoints as long as the test wants, or fails."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.kept = clock, []  # type: tuple[Clock, list[bytes]]
        self.takes_s = 0.0
        self.raises: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def patient(self, *_: object) -> "Backend":
        return self

    def keep_checkpoint(self, _operation_id: str, content: bytes) -> None:
        assert self.go_on.wait(TIMEOUT_S)
        self.clock.now += self.takes_s
        if self.raises:
            raise self.raises
        self.kept.append(content)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(clock: Clock) -> Backend:
    return Backend(clock)


@pytest.fixture
def keeper(backend: Backend, clock: Clock) -> Checkpoints:
    return Checkpoints(Job({"operation_id": "op", "request": {}}, backend, lambda: None), clock)  # type: ignore[arg-type]


def test_the_first_checkpoint_is_due_at_once_and_the_next_a_second_after_it_has_arrived(
    keeper: Checkpoints, backend: Backend, clock: Clock
) -> None:
    assert keeper.due()
    backend.go_on.clear()
    keeper.keep(b"1")
    assert not keeper.due(), "one is under way"
    backend.go_on.set()
    keeper.wait(TIMEOUT_S)
    assert not keeper.due()
    clock.now += EVERY_S
    assert keeper.due()
    assert backend.kept == [b"1"]


def test_a_large_checkpoint_takes_a_tenth_of_the_time_at_most(
    keeper: Checkpoints, backend: Backend, clock: Clock
) -> None:
    backend.takes_s = 5.0
    keeper.keep(b"1")
    keeper.wait(TIMEOUT_S)
    clock.now += 44.9
    assert not keeper.due()
    clock.now += 0.2
    assert keeper.due()


def test_a_backend_that_is_away_or_refuses_stops_no_work(
    keeper: Checkpoints, backend: Backend, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    backend.raises = BackendAwayError("away")
    keeper.keep(b"1")
    keeper.wait(TIMEOUT_S)
    assert not keeper.due()
    clock.now += AFTER_FAILURE_S
    assert keeper.due()
    backend.raises = BackendRefusedError(409, "operation_finished", "over")
    keeper.keep(b"2")
    keeper.wait(TIMEOUT_S)
    clock.now += 1000
    assert not keeper.due()
    assert "no more checkpoints of op: operation_finished" in caplog.text


def test_what_is_too_large_is_not_sent(keeper: Checkpoints, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr.worker.checkpoints.CHECKPOINT_LIMIT", 3)
    keeper.keep(b"1234")
    assert (keeper.due(), backend.kept) == (False, [])


def test_a_checkpoint_that_arrives_damaged_is_not_used(client: TestClient, trainer: Worker, data: Path) -> None:
    keep(trainer)
    (data / "checkpoints" / f"{trainer.operation_id}.{digest(CONTENT)}").write_bytes(b"after epoch X")
    job = Job({"operation_id": trainer.operation_id, "request": {}}, DirectBackend(client), lambda: None)
    assert Checkpoints(job).found() is None


def test_waiting_for_a_checkpoint_ends_when_the_job_is_cancelled(client: TestClient) -> None:
    away = DirectBackend(client)
    away.away = True
    job = Job({"operation_id": "op", "request": {}}, away, lambda: None)
    job.cancel()
    with pytest.raises(CancelledError):
        Checkpoints(job).found()
