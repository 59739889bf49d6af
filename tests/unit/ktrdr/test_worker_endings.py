"""A worker that is deleted at work, and a cancellation at the very end: each operation ends once, and work goes on."""
# ruff: noqa: F811  fixtures are imported, and parameters have their names

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.worker.agent import Agent
from ktrdr.worker.job import Job, Work
from tests.api.extremes import holder
from tests.api.population import model_archive, training_result
from tests.support.direct_backend import TIMEOUT_S, DirectBackend
from tests.unit.ktrdr.test_worker import ended, endless, hire, start_training, until  # noqa: F401  a fixture


def test_a_worker_that_is_deleted_at_work_drops_that_work_registers_again_and_takes_more(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    works: list[Work] = [endless, lambda job: training_result(job.operation_id)]

    def work(job: Job) -> dict[str, Any]:
        return works.pop(0)(job)

    agent = hire(work)
    task = start_training(client)
    until(lambda: client.get(f"operations/{task}").json()["operation"]["status"] == "running")
    client.delete("workers/w1").raise_for_status()
    lost = ended(client, task)
    assert (lost["status"], lost["error_code"]) == ("failed", "worker_lost")
    until(lambda: agent.job is None)
    assert until(lambda: client.get("workers").json()["workers"])[0]["worker_id"] == "w1"
    assert ended(client, start_training(client))["status"] == "completed"
    assert client.get(f"operations/{task}").json()["operation"] == lost


def test_a_worker_that_is_deleted_with_its_work_done_does_not_change_the_end(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    done = threading.Event()

    def work(job: Job) -> dict[str, Any]:
        until(lambda: client.get(f"operations/{job.operation_id}").json()["operation"]["status"] == "running")
        client.delete("workers/w1").raise_for_status()
        done.set()
        return training_result(job.operation_id)

    agent = hire(work)
    task = start_training(client)
    assert done.wait(TIMEOUT_S)
    assert ended(client, task)["error_code"] == "worker_lost"
    until(lambda: agent.job is None)
    operation = client.get(f"operations/{task}").json()["operation"]
    assert (operation["status"], operation["result_summary"]) == ("failed", None)


@pytest.mark.parametrize("when", ["before the last report", "after the last report"])
def test_a_cancellation_at_the_very_end_leaves_the_result_or_is_refused(
    client: TestClient,
    backend: DirectBackend,
    hire: Callable[[Work], Agent],
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    answers: list[int] = []

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        operation = (body or {}).get("operation") or {"status": "running"}
        last = operation["status"] == "completed" and not answers
        if last and when.startswith("before"):
            answers.append(client.delete(f"operations/{operation['operation_id']}").status_code)
        answer = DirectBackend.call(backend, method, path, body)
        if last and when.startswith("after"):
            answers.append(client.delete(f"operations/{operation['operation_id']}").status_code)
        return answer

    def work(job: Job) -> dict[str, Any]:
        until(lambda: client.get(f"operations/{job.operation_id}").json()["operation"]["status"] == "running")
        return training_result(job.operation_id)

    monkeypatch.setattr(backend, "call", call)
    hire(work)
    first, second = (ended(client, start_training(client)) for _ in range(2))
    assert answers == [202 if when.startswith("before") else 409]
    assert (first["status"], first["result_summary"]) == ("completed", training_result(first["operation_id"]))
    assert first["metadata"]["cancel_requested"] is when.startswith("before")
    assert second["status"] == "completed"


def test_work_that_is_cancelled_before_its_first_report_stays_cancelled_however_fast_it_ends(
    client: TestClient, backend: DirectBackend
) -> None:
    assert backend.client is client  # it has bars
    worker = holder(client)
    client.delete(f"operations/{worker.operation_id}").raise_for_status()
    assert worker.upload(model_archive()).status_code == 409
    assert worker.beat("completed", 100, "done", result_summary=training_result())["cancel"] is False
    operation = client.get(f"operations/{worker.operation_id}").json()["operation"]
    assert (operation["status"], operation["result_summary"]) == ("cancelled", None)
    assert client.get("models").json()["total_count"] == 0


def test_a_worker_that_is_deleted_while_it_is_to_stop_leaves_a_cancelled_operation(
    client: TestClient, backend: DirectBackend
) -> None:
    assert backend.client is client
    worker = holder(client)
    worker.beat("running", 10, "epoch 1")
    client.delete(f"operations/{worker.operation_id}").raise_for_status()
    client.delete(f"workers/{worker.worker_id}").raise_for_status()
    assert client.get(f"operations/{worker.operation_id}").json()["operation"]["status"] == "cancelled"
