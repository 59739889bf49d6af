"""Who is a worker: turns are for those that ask, their number is bounded, and a name has one worker."""
# ruff: noqa: F811  fixtures are imported, and parameters have their names

import pytest

from ktrdr.api.services import dispatch
from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.store import workers
from ktrdr.api.store.connection import Row
from ktrdr.errors import ConflictError, TooManyError
from tests.unit.ktrdr.test_dispatch import Clock, begin, clock, dispatcher, given, join, report  # noqa: F401  fixtures


def test_a_worker_that_registers_and_never_asks_takes_no_turn(dispatcher: Dispatcher, clock: Clock) -> None:
    join(dispatcher, "idle")
    operation = dispatcher.enqueue("training", {})
    for _ in range(3):  # a GPU would have the first turn
        join(dispatcher, "ghost", gpu=True)
        clock.now += 1
    assert given(dispatcher, "idle") == operation


def test_a_worker_that_has_stopped_asking_loses_its_turn_before_it_is_offline(
    dispatcher: Dispatcher, clock: Clock
) -> None:
    for worker_id in ("gpu", "cpu"):
        join(dispatcher, worker_id, gpu=worker_id == "gpu")
        assert given(dispatcher, worker_id) is None
    operation = dispatcher.enqueue("training", {})
    clock.now += 4  # two heartbeats
    assert given(dispatcher, "cpu") is None
    clock.now += 2
    assert given(dispatcher, "cpu") == operation


def test_there_is_room_for_so_many_workers_and_those_offline_give_way(
    dispatcher: Dispatcher, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "WORKERS_LIMIT", 3)
    for worker_id in ("a", "b", "c", "c"):
        join(dispatcher, worker_id)
    with pytest.raises(TooManyError, match="3 workers are registered already"):
        join(dispatcher, "d")
    clock.now += 11
    given(dispatcher, "a")
    dispatcher.tick()
    join(dispatcher, "d")
    with dispatcher.database.transaction() as db:
        assert [row["worker_id"] for row in workers.every(db)] == ["a", "d"]


def test_workers_are_listed_with_their_operations_in_one_query(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for worker_id in ("a", "b"):
        join(dispatcher, worker_id)
    operation = dispatcher.enqueue("training", {})
    begin(dispatcher, "a", operation)
    dispatcher.heartbeat("a", report(operation, "completed"))
    begin(dispatcher, "b", second := dispatcher.enqueue("training", {}))
    with dispatcher.database.transaction() as db:
        asked: list[str] = []
        rows = db.rows

        def noted(sql: str, **values: str | float | None) -> list[Row]:
            asked.append(sql)
            return rows(sql, **values)

        monkeypatch.setattr(db, "rows", noted)
        assert [(row["worker_id"], row["operation_id"]) for row in workers.every(db)] == [("a", None), ("b", second)]
    assert len(asked) == 1


def test_of_two_workers_with_one_name_the_earlier_is_told_to_stop_and_the_log_has_both_addresses(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    def register(address: str) -> workers.Caller:
        token = dispatcher.register("same", "training", "http://same:5003", {}, None, address=address)
        return workers.Caller(token, address)

    first, second = register("192.0.2.1"), register("192.0.2.2")
    for send in (lambda: dispatcher.heartbeat("same", None, first), lambda: dispatcher.remove("same", first)):
        with pytest.raises(ConflictError, match="KTRDR_WORKER_ID") as refusal:
            send()
        assert refusal.value.code == "worker_replaced"
    assert "at 192.0.2.1 was replaced by the one at 192.0.2.2; give each its own KTRDR_WORKER_ID" in caplog.text
    operation = dispatcher.enqueue("training", {})
    assert dispatcher.heartbeat("same", None, second)["operation"]["operation_id"] == operation


def test_a_client_that_knows_no_tokens_works_as_before(dispatcher: Dispatcher) -> None:
    join(dispatcher, "a")
    operation = dispatcher.enqueue("training", {})
    assert given(dispatcher, "a") == operation
    dispatcher.remove("a")
