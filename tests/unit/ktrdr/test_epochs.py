"""A training's losses and accuracies by epoch: told with heartbeats, kept while the operation is kept."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.store import epochs, operations
from ktrdr.epochs import EPOCHS_LIMIT, Epoch
from ktrdr.worker.agent import Agent
from ktrdr.worker.job import Job, Work
from tests.api.population import Worker, start_training, store_bars, training_result
from tests.support.direct_backend import DirectBackend
from tests.unit.ktrdr.test_worker import ended, hire, until  # noqa: F401  a fixture
from tests.unit.ktrdr.test_worker import start_training as begin

LONG_AGO = 1_000.0


def epoch(number: int, loss: float = 0.5) -> dict[str, Any]:
    return asdict(Epoch(number, loss, 0.6, loss + 0.1, 0.55))


@pytest.fixture
def trainer(client: TestClient) -> Worker:
    store_bars(client)
    worker = Worker(client, "w", "training")
    worker.register()
    start_training(client)
    worker.beat()
    return worker


def told(client: TestClient, operation_id: str) -> list[dict[str, Any]]:
    answer = client.get(f"operations/{operation_id}/metrics")
    assert answer.status_code == 200
    assert answer.json()["operation_id"] == operation_id
    found: list[dict[str, Any]] = answer.json()["epochs"]
    return found


def test_epochs_are_given_in_order_while_the_training_runs_and_after(client: TestClient, trainer: Worker) -> None:
    assert told(client, trainer.operation_id) == []
    trainer.beat("running", 10, "epoch 2", epochs=[epoch(2), epoch(1)])
    assert told(client, trainer.operation_id) == [epoch(1), epoch(2)]
    trainer.beat("completed", 100, "done", result_summary=training_result(), epochs=[epoch(3)])
    assert told(client, trainer.operation_id) == [epoch(1), epoch(2), epoch(3)]


def test_an_epoch_that_is_told_again_replaces_what_was_told_before(client: TestClient, trainer: Worker) -> None:
    trainer.beat("running", 10, "epoch 1", epochs=[epoch(1, 0.9)])
    trainer.beat("running", 10, "epoch 1", epochs=[epoch(1, 0.8)])
    assert told(client, trainer.operation_id) == [epoch(1, 0.8)]


@pytest.mark.parametrize(
    "epochs",
    [
        [epoch(0)],
        [epoch(EPOCHS_LIMIT + 1)],
        [{**epoch(1), "train_accuracy": 1.1}],
        [{**epoch(1), "val_loss": "0.5"}],
        [epoch(1)] * (EPOCHS_LIMIT + 1),
    ],
)
def test_what_is_no_epoch_and_too_many_are_refused(client: TestClient, trainer: Worker, epochs: list[Any]) -> None:
    report = {"operation_id": trainer.operation_id, "status": "running", "epochs": epochs}
    answer = client.post("workers/w/heartbeat", json={"operation": report})
    assert answer.status_code == 422
    assert "epochs" in answer.text
    assert told(client, trainer.operation_id) == []


def test_a_longest_training_is_told_in_one_heartbeat(client: TestClient, trainer: Worker) -> None:
    all_of_them = [epoch(number) for number in range(1, EPOCHS_LIMIT + 1)]
    trainer.beat("running", 90, "epoch 1000", epochs=all_of_them)
    assert told(client, trainer.operation_id) == all_of_them


@pytest.mark.usefixtures("trainer")
def test_only_a_training_has_epochs(client: TestClient) -> None:
    upload = client.get("operations", params={"operation_type": "data_load"}).json()["operations"][0]["operation_id"]
    refused, unknown = (client.get(f"operations/{name}/metrics") for name in (upload, "none"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_a_training")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "no_operation")


@pytest.mark.parametrize("way", ["forgotten", "pruned"])
def test_epochs_go_with_their_operation(client: TestClient, trainer: Worker, way: str) -> None:
    trainer.beat("failed", 10, "epoch 1", epochs=[epoch(1)])
    database = client.app.state.context.database  # type: ignore[attr-defined]  # FastAPI's
    with database.transaction() as db:
        assert len(epochs.of(db, trainer.operation_id)) == 1
        if way == "pruned":
            operations.prune(db, LONG_AGO, keep=0, limit=10)
    if way == "forgotten":
        client.delete(f"operations/{trainer.operation_id}/entry").raise_for_status()
    with database.transaction() as db:
        assert epochs.of(db, trainer.operation_id) == []


def test_a_worker_tells_each_epoch_once(
    client: TestClient,
    backend: DirectBackend,
    hire: Callable[[Work], Agent],  # noqa: F811  the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Sequence[int]] = []
    call = backend.call

    def noted(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = call(method, path, body)
        if operation := (body or {}).get("operation"):
            sent.append([one["epoch"] for one in operation["epochs"]])
        return answer

    monkeypatch.setattr(backend, "call", noted)

    def work(job: Job) -> dict[str, Any]:
        done = [Epoch(number, 0.5, 0.6, 0.6, 0.55) for number in (1, 2, 3)]
        job.record(done[:1])
        until(lambda: len(told(client, job.operation_id)) == 1)
        job.record(done)
        until(lambda: len(told(client, job.operation_id)) == 3)
        return training_result(job.operation_id)

    hire(work)
    operation_id = begin(client)
    assert ended(client, operation_id)["status"] == "completed"
    assert [one["epoch"] for one in told(client, operation_id)] == [1, 2, 3]
    assert [number for numbers in sent for number in numbers] == [1, 2, 3]
