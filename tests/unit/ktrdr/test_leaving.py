"""A worker that is told to end: what it hands back, what it fails, and what the backend makes of it."""
# ruff: noqa: F811  fixtures are imported, and parameters have their names

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.services.dispatch import Dispatcher, Report
from ktrdr.api.store import operations, workers
from ktrdr.errors import SettingError
from ktrdr.settings import Settings
from ktrdr.worker.agent import Agent
from ktrdr.worker.job import Job, Work
from tests.api.population import training_result
from tests.support.direct_backend import TIMEOUT_S, DirectBackend
from tests.unit.ktrdr.test_dispatch import (  # noqa: F401  fixtures
    Clock,
    begin,
    clock,
    dispatcher,
    given,
    join,
    look,
    report,
)
from tests.unit.ktrdr.test_worker import ended, endless, hire, start_training, until  # noqa: F401  a fixture


def leaving(operation_id: str) -> Report:
    why = ("worker_shutdown", "The worker was told to end.")
    return Report(operation_id, "failed", {"percentage": 50.0}, why, None)


def repeats(dispatcher: Dispatcher, operation_id: str) -> list[str]:
    with dispatcher.database.transaction() as db:
        rows, _ = operations.page(db, status=None, kind=None, retry_of=operation_id, limit=10, offset=0)
    return [row["operation_id"] for row in rows]


def error(dispatcher: Dispatcher, operation_id: str) -> tuple[object, ...]:
    return tuple(look(dispatcher, operation_id)[key] for key in ("status", "error_code", "error_message"))


def test_what_has_begun_fails_and_is_queued_anew_behind_what_waits(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    join(dispatcher, "b")
    first, second = dispatcher.enqueue("training", {"n": 1}), dispatcher.enqueue("training", {"n": 2})
    begin(dispatcher, "a", first)
    assert dispatcher.heartbeat("a", leaving(first)) == {"cancel": False, "operation": None}
    (again,) = repeats(dispatcher, first)
    told = f"Worker a was told to end while it worked on this; it is queued anew as {again}."
    assert error(dispatcher, first) == ("failed", "worker_shutdown", told)
    begin(dispatcher, "b", second)
    assert dispatcher.heartbeat("b", report(second, "completed"))["operation"] == {
        "operation_id": again, "operation_type": "training", "request": {"n": 1},
    }  # fmt: skip


def test_a_report_that_comes_twice_changes_nothing_the_second_time(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    for _ in range(2):
        dispatcher.heartbeat("a", leaving(operation))
    assert len(repeats(dispatcher, operation)) == 1


def test_what_the_backend_has_not_heard_of_as_begun_goes_back_to_its_place(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    first, second = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    assert given(dispatcher, "a") == first
    dispatcher.heartbeat("a", leaving(first))
    assert (look(dispatcher, first)["status"], look(dispatcher, first)["started_at"]) == ("pending", None)
    assert repeats(dispatcher, first) == []
    join(dispatcher, "b")
    assert given(dispatcher, "b") == first
    assert look(dispatcher, second)["status"] == "pending"


def test_a_worker_that_leaves_takes_nobody_s_turn(dispatcher: Dispatcher) -> None:
    for name in ("a", "b"):
        join(dispatcher, name)
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    dispatcher.heartbeat("a", leaving(operation))
    with dispatcher.database.transaction() as db:
        assert [(row["worker_id"], row["status"]) for row in workers.every(db)] == [("a", "offline"), ("b", "idle")]
    assert given(dispatcher, "b") == repeats(dispatcher, operation)[0]


def test_an_operation_is_queued_anew_once_and_again_only_where_a_person_says_so(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    first = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", first)
    dispatcher.heartbeat("a", leaving(first))
    (second,) = repeats(dispatcher, first)
    join(dispatcher, "b")
    begin(dispatcher, "b", second)
    dispatcher.heartbeat("b", leaving(second))
    told = "Worker b was told to end while it worked on this; retry the operation."
    assert error(dispatcher, second) == ("failed", "worker_shutdown", told)
    assert repeats(dispatcher, second) == []
    third = dispatcher.retry(second)
    assert repeats(dispatcher, second) == [third]


@pytest.mark.parametrize("kind", ["training", "backtesting", "prediction"])
@pytest.mark.parametrize("retry", [True, False])
def test_the_setting_holds_for_every_kind(
    dispatcher: Dispatcher, clock: Clock, kind: operations.OperationType, *, retry: bool
) -> None:
    queue = Dispatcher(dispatcher.database, clock, retry_on_shutdown=retry)
    queue.register("a", "training" if kind == "training" else "backtest", "http://a:5003", {}, None)
    operation = queue.enqueue(kind, {})
    begin(queue, "a", operation)
    queue.heartbeat("a", leaving(operation))
    assert look(queue, operation)["error_code"] == "worker_shutdown"
    assert [look(queue, one)["operation_type"] for one in repeats(queue, operation)] == [kind] * retry


def test_no_limit_of_the_queue_loses_what_was_begun(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr.api.services.dispatch.QUEUE_LIMIT", 1)
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    dispatcher.enqueue("training", {})
    dispatcher.heartbeat("a", leaving(operation))
    assert len(repeats(dispatcher, operation)) == 1


def test_a_checkpoint_goes_with_the_work_and_stays_where_nothing_is_queued(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    def left(queue: Dispatcher) -> str:
        join(queue, "a")
        operation = queue.enqueue("training", {})
        begin(queue, "a", operation)
        with queue.database.transaction() as db:
            operations.set_checkpoint(db, operation, f"{operation}.0")
        queue.heartbeat("a", leaving(operation))
        assert str(look(queue, operation)["error_message"]).endswith(" It goes on from its last checkpoint.")
        return operation

    def kept(operation_id: str) -> object:
        with dispatcher.database.transaction() as db:
            row = operations.get(db, operation_id)
        assert row is not None
        return row["checkpoint"]

    alone = left(Dispatcher(dispatcher.database, clock, retry_on_shutdown=False))
    assert kept(alone) == f"{alone}.0"
    first = left(dispatcher)
    (again,) = repeats(dispatcher, first)
    assert (kept(first), kept(again)) == (None, f"{first}.0")


def test_what_a_person_has_cancelled_is_cancelled_and_not_queued_anew(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    dispatcher.cancel(operation)
    dispatcher.heartbeat("a", leaving(operation))
    assert error(dispatcher, operation) == ("cancelled", None, None)
    assert repeats(dispatcher, operation) == []


def test_a_worker_of_an_earlier_ktrdr_that_says_cancelled_unasked_was_told_to_end(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    dispatcher.heartbeat("a", report(operation, "cancelled"))
    dispatcher.remove("a")
    assert look(dispatcher, operation)["error_code"] == "worker_shutdown"
    (again,) = repeats(dispatcher, operation)
    assert look(dispatcher, again)["status"] == "pending"


def test_a_worker_told_to_end_fails_its_work_has_it_queued_anew_and_signs_off(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    agent = hire(endless)
    task = start_training(client)
    until(lambda: client.get(f"operations/{task}").json()["operation"]["status"] == "running")
    agent.stop()
    assert ended(client, task)["error_code"] == "worker_shutdown"
    (again,) = client.get("operations", params={"retry_of": task}).json()["operations"]
    assert again["status"] == "pending"
    assert client.get("workers").json()["workers"] == []
    lines = client.get("http://backend/metrics").text.splitlines()
    assert 'ktrdr_operations_failed{type="training",code="worker_shutdown"} 1' in lines


def test_failures_are_counted_by_the_reasons_that_are_nobody_s_fault_and_all_others_together(
    dispatcher: Dispatcher,
) -> None:
    for code in ("diverged", "no_bars", "worker_lost"):
        join(dispatcher, "a")
        operation = dispatcher.enqueue("training", {})
        begin(dispatcher, "a", operation)
        dispatcher.heartbeat("a", Report(operation, "failed", {}, (code, "why"), None))
    with dispatcher.database.transaction() as db:
        found = operations.failures(db, ("worker_lost", "worker_shutdown"))
    assert found == [("training", "other", 2), ("training", "worker_lost", 1)]


def test_work_that_comes_while_the_worker_is_told_to_end_is_handed_back(
    client: TestClient, backend: DirectBackend, hire: Callable[[Work], Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    ending: list[threading.Thread] = []

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = DirectBackend.call(backend, method, path, body)
        if answer.get("operation") and not ending:
            end = threading.Thread(target=agent.stop)
            end.start()
            ending.append(end)
            until(agent._stopping.is_set)
        return answer

    def work(job: Job) -> dict[str, Any]:
        begun.append(job.operation_id)
        return training_result(job.operation_id)

    monkeypatch.setattr(backend, "call", call)
    agent = hire(work)
    task = start_training(client)
    until(lambda: ending)
    ending[0].join(TIMEOUT_S)
    waiting = client.get(f"operations/{task}").json()["operation"]
    assert (waiting["status"], waiting["metadata"]["worker_id"], begun) == ("pending", None, [])
    assert client.get("operations").json()["total_count"] == 2  # with the upload of the bars
    hire(work)
    assert ended(client, task)["status"] == "completed"


def test_work_that_ends_while_the_worker_is_told_to_end_counts(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    agent: list[Agent] = []

    def work(job: Job) -> dict[str, Any]:
        until(lambda: agent and agent[0]._stopping.is_set())
        return training_result(job.operation_id)

    agent.append(hire(work))
    task = start_training(client)
    until(lambda: client.get(f"operations/{task}").json()["operation"]["status"] == "running")
    agent[0].stop()
    assert ended(client, task)["status"] == "completed"


def test_work_that_a_person_has_cancelled_stays_cancelled_when_its_worker_is_told_to_end() -> None:
    job = Job({"operation_id": "op", "request": {}}, DirectBackend(None), lambda: None)  # type: ignore[arg-type]
    job.cancel()
    job.leave()
    job.abandon()
    assert job.state()["status"] == "cancelled"


def test_what_abandoned_work_still_does_is_not_reported() -> None:
    go_on, done = threading.Event(), threading.Event()
    job = Job({"operation_id": "op", "request": {}}, DirectBackend(None), done.set)  # type: ignore[arg-type]

    def work(_job: Job) -> dict[str, Any]:
        assert go_on.wait(TIMEOUT_S)
        return {}

    job.start(work)
    job.leave()
    job.abandon()
    go_on.set()
    assert done.wait(TIMEOUT_S)
    assert job.wait(TIMEOUT_S)
    state = job.state()
    assert (state["status"], state["error"]["code"], state["result_summary"]) == ("failed", "worker_shutdown", None)


def test_what_the_backend_refuses_of_a_last_report_does_not_keep_the_worker_on_its_list(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    def work(job: Job) -> dict[str, Any]:
        until(lambda: agent and agent[0]._stopping.is_set())
        return {**training_result(job.operation_id), "loss": float("nan")}

    agent: list[Agent] = []
    agent.append(hire(work))
    task = start_training(client)
    until(lambda: client.get(f"operations/{task}").json()["operation"]["status"] == "running")
    agent[0].stop()
    assert client.get("workers").json()["workers"] == []
    assert ended(client, task)["error_code"] == "worker_lost"


@pytest.mark.parametrize(("text", "retry"), [("", True), ("true", True), ("false", False)])
def test_the_setting_is_read(text: str, *, retry: bool) -> None:
    assert Settings.from_environment({"KTRDR_RETRY_ON_SHUTDOWN": text}).retry_on_shutdown is retry


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(SettingError, match="KTRDR_RETRY_ON_SHUTDOWN is 'no'; write true or false"):
        Settings.from_environment({"KTRDR_RETRY_ON_SHUTDOWN": "no"})
