"""Queue, heartbeats, lost workers."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ktrdr.api.services.dispatch import Dispatcher, Report
from ktrdr.api.store import operations, workers
from ktrdr.api.store.database import Database
from ktrdr.errors import ConflictError, NotFoundError, TooManyError, UnavailableError


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dispatcher(database: Database, clock: Clock) -> Iterator[Dispatcher]:
    assert database.open() is None
    yield Dispatcher(database, clock)
    database.close()


def join(dispatcher: Dispatcher, worker_id: str, *, gpu: bool = False, holds: str | None = None) -> None:
    dispatcher.register(worker_id, "training", f"http://{worker_id}:5003", {"gpu": gpu}, holds)


def report(operation_id: str, status: operations.Status = "running") -> Report:
    return Report(operation_id, status, {"percentage": 50.0}, None, {"model_path": "models/x"})


def look(dispatcher: Dispatcher, operation_id: str) -> dict[str, object]:
    with dispatcher.database.transaction() as db:
        row = operations.get(db, operation_id)
    assert row is not None
    found: dict[str, object] = json.loads("".join(operations.as_text(row)))
    return found


def given(dispatcher: Dispatcher, worker_id: str) -> str | None:
    operation = dispatcher.heartbeat(worker_id, None)["operation"]
    return operation["operation_id"] if operation else None


def begin(dispatcher: Dispatcher, worker_id: str, operation_id: str) -> None:
    """Let a worker ask for work, be given this, and say that it has begun."""
    assert given(dispatcher, worker_id) == operation_id
    dispatcher.heartbeat(worker_id, report(operation_id))


def tick_for(dispatcher: Dispatcher, clock: Clock, seconds: int) -> None:
    """Let time go by as it does for a backend that runs: a tick a second."""
    for _ in range(seconds):
        clock.now += 1
        dispatcher.tick()


def test_starting_is_refused_only_when_no_worker_of_the_type_is_registered(dispatcher: Dispatcher) -> None:
    with pytest.raises(UnavailableError) as refusal:
        dispatcher.enqueue("training", {})
    assert refusal.value.code == "no_worker"
    join(dispatcher, "a")
    with pytest.raises(UnavailableError):
        dispatcher.enqueue("backtesting", {})
    dispatcher.enqueue("training", {})
    dispatcher.enqueue("training", {})


def test_a_queue_that_is_full_takes_no_more_of_that_type_until_some_have_begun(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr.api.services.dispatch.QUEUE_LIMIT", 2)
    join(dispatcher, "a")
    dispatcher.register("tester", "backtest", "http://tester:5003", {}, None)
    first, cancelled = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    dispatcher.cancel(cancelled)
    dispatcher.enqueue("training", {})
    with pytest.raises(TooManyError, match="2 training operations wait already: try again when") as refusal:
        dispatcher.enqueue("training", {})
    assert (refusal.value.status, refusal.value.code) == (429, "queue_full")
    with pytest.raises(TooManyError):
        dispatcher.retry(cancelled)
    dispatcher.enqueue("backtesting", {})
    begin(dispatcher, "a", first)
    dispatcher.enqueue("training", {})


def test_looking_for_work_reads_no_requests(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    dispatcher.enqueue("training", {"strategy": "x" * 1000})
    with dispatcher.database.transaction() as db:
        assert [set(row) for row in operations.waiting(db, "training")] == [{"operation_id", "operation_type"}]


def test_operations_are_handed_out_first_in_first_out(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    first, second = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    assert given(dispatcher, "a") == first
    dispatcher.heartbeat("a", report(first))
    assert dispatcher.heartbeat("a", report(first, "completed"))["operation"]["operation_id"] == second


def test_the_least_recently_used_worker_comes_first_and_a_gpu_before_all(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    join(dispatcher, "b")
    for expected in ("a", "b", "a"):
        operation = dispatcher.enqueue("training", {})
        assert given(dispatcher, expected) == operation
        dispatcher.heartbeat(expected, report(operation, "completed"))
        clock.now += 1
    join(dispatcher, "gpu", gpu=True)
    assert given(dispatcher, "gpu") is None
    operation = dispatcher.enqueue("training", {})
    assert given(dispatcher, "gpu") == operation


def test_the_head_of_the_queue_goes_to_whoever_asks_first_of_those_whose_turn_it_is(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    for worker_id in ("a", "b", "c"):
        join(dispatcher, worker_id)
        assert given(dispatcher, worker_id) is None
        clock.now += 1
    first, second = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    assert [given(dispatcher, worker_id) for worker_id in ("c", "b", "a")] == [None, first, second]


def test_an_answer_that_was_lost_is_given_again_to_the_same_worker_and_to_no_other(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    join(dispatcher, "b")
    operation = dispatcher.enqueue("training", {})
    assert given(dispatcher, "a") == given(dispatcher, "a") == operation
    assert given(dispatcher, "b") is None


def test_an_operation_runs_from_its_first_report_and_keeps_its_result(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    assert look(dispatcher, operation)["status"] == "pending"
    begin(dispatcher, "a", operation)
    assert look(dispatcher, operation)["status"] == "running"
    dispatcher.heartbeat("a", report(operation, "completed"))
    seen = look(dispatcher, operation)
    assert (seen["status"], seen["result_summary"]) == ("completed", {"model_path": "models/x"})


def test_work_not_begun_by_a_silent_worker_goes_back_to_the_head_of_the_queue(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    join(dispatcher, "a")
    first, second = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    assert given(dispatcher, "a") == first
    clock.now += 11
    dispatcher.tick()
    join(dispatcher, "b")
    assert given(dispatcher, "b") == first
    assert look(dispatcher, second)["status"] == "pending"


def test_work_begun_by_a_silent_worker_fails_as_worker_lost_and_can_be_retried(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {"strategy_name": "s"})
    begin(dispatcher, "a", operation)
    clock.now += 11
    dispatcher.tick()
    lost = look(dispatcher, operation)
    assert (lost["status"], lost["error_code"]) == ("failed", "worker_lost")
    again = look(dispatcher, dispatcher.retry(operation))
    metadata = again["metadata"]
    assert isinstance(metadata, dict)
    assert (metadata["retry_of"], metadata["request"]) == (operation, {"strategy_name": "s"})


def test_an_operation_is_retried_once_at_a_time_and_again_when_that_has_failed_too(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    dispatcher.cancel(operation)
    again = dispatcher.retry(operation)
    with pytest.raises(ConflictError, match=f"is being retried already, as {again}") as refusal:
        dispatcher.retry(operation)
    assert (refusal.value.code, refusal.value.details) == ("operation_retried", {"operation_id": again})
    begin(dispatcher, "a", again)
    with pytest.raises(ConflictError, match="already"):
        dispatcher.retry(operation)
    dispatcher.heartbeat("a", report(again, "failed"))
    assert look(dispatcher, dispatcher.retry(operation))["status"] == "pending"


def test_of_retries_asked_for_at_once_one_is_queued(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    dispatcher.cancel(operation)

    def retry(_: int) -> bool:
        try:
            dispatcher.retry(operation)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(retry, range(16))).count(True) == 1


def test_a_worker_whose_work_was_given_up_is_told_to_stop(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    clock.now += 11
    dispatcher.tick()
    assert dispatcher.heartbeat("a", report(operation))["cancel"] is True
    assert look(dispatcher, operation)["status"] == "failed"


def test_an_unknown_worker_is_told_to_register(dispatcher: Dispatcher) -> None:
    with pytest.raises(NotFoundError) as refusal:
        dispatcher.heartbeat("stranger", None)
    assert refusal.value.code == "unknown_worker"


def test_a_worker_that_comes_back_with_its_work_goes_on_and_without_it_has_lost_it(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    join(dispatcher, "a", holds=operation)
    assert look(dispatcher, operation)["status"] == "running"
    join(dispatcher, "a")
    assert look(dispatcher, operation)["error_code"] == "worker_lost"


def test_cancelling_ends_what_waits_at_once_and_what_runs_through_its_worker(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    running, waiting = dispatcher.enqueue("training", {}), dispatcher.enqueue("training", {})
    begin(dispatcher, "a", running)
    assert (dispatcher.cancel(waiting), dispatcher.cancel(running)) == ("cancelled", "running")
    assert dispatcher.heartbeat("a", report(running))["cancel"] is True
    dispatcher.heartbeat("a", report(running, "cancelled"))
    assert look(dispatcher, running)["status"] == "cancelled"
    with pytest.raises(ConflictError):
        dispatcher.cancel(running)


def test_the_queue_and_its_workers_survive_a_restart_with_time_to_report(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    waiting = dispatcher.enqueue("training", {})
    dispatcher.database.close()
    clock.now += 60
    after = Dispatcher(Database(dispatcher.database.address), clock)
    after.database.open()
    after.start()
    after.tick()
    assert (look(after, operation)["status"], look(after, waiting)["status"]) == ("running", "pending")
    tick_for(after, clock, 11)
    assert look(after, operation)["error_code"] == "worker_lost"
    after.database.close()


def test_a_backend_that_was_paused_gives_its_workers_time_to_report(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    tick_for(dispatcher, clock, 3)
    clock.now += 60
    tick_for(dispatcher, clock, 9)
    assert look(dispatcher, operation)["status"] == "running"
    tick_for(dispatcher, clock, 3)
    assert look(dispatcher, operation)["error_code"] == "worker_lost"


def test_a_tick_that_is_a_little_late_gives_nobody_more_time(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    dispatcher.tick()
    for _ in range(3):
        clock.now += 4
        dispatcher.tick()
    with dispatcher.database.transaction() as db:
        assert [row["status"] for row in workers.every(db)] == ["offline"]


def test_offline_workers_are_shown_and_in_the_end_forgotten(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "a")
    clock.now += 11
    dispatcher.tick()
    with dispatcher.database.transaction() as db:
        assert [row["status"] for row in workers.every(db)] == ["offline"]
    clock.now += 600
    dispatcher.tick()
    with dispatcher.database.transaction() as db:
        assert workers.every(db) == []
