"""Lists of operations: what they leave out, and how long an answer may be."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.store import operations
from ktrdr.api.store.connection import Row
from ktrdr.model_files import MIB

NOW = 1_700_000_000.0

Complete = Callable[[int], str]


@pytest.fixture
def complete(client: TestClient) -> Complete:
    """Store a backtest that is completed, with a result of so many bytes; return its id."""
    database = client.app.state.context.database  # type: ignore[attr-defined]  # the application is FastAPI's

    def store(size: int) -> str:
        with database.transaction() as db:
            operation = operations.add(db, "backtesting", {}, NOW)
            operations.begin(db, operation, NOW)
            operations.finish(db, operation, "completed", NOW, result={"curve": "x" * size})
        return operation

    return store


def test_a_brief_list_does_not_even_read_the_results(
    client: TestClient, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str | None] = []
    as_text = operations.as_text

    def noted(row: Row, *, brief: bool = False) -> list[str]:
        read.append(row["result_summary"])
        return as_text(row, brief=brief)

    monkeypatch.setattr(operations, "as_text", noted)
    complete(3)
    brief, full = (client.get("operations", params={"brief": value}).json()["operations"][0] for value in "10")
    assert read == [None, '{"curve":"xxx"}']
    assert brief == {**full, "result_summary": None}


def test_results_too_long_for_one_answer_are_refused_with_the_way_to_ask(
    client: TestClient, complete: Complete
) -> None:
    made = [complete(7 * MIB) for _ in range(3)]
    answer = client.get("operations", params={"limit": 500})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "results_too_long")
    assert "21.0 MiB, one answer holds 16 MiB: ask with brief=true, or with a limit below 500" in error["message"]
    assert error["details"]["size_bytes"] > 21 * MIB
    for asked, number in (({"limit": 500, "brief": 1}, 3), ({"limit": 2}, 2), ({"limit": 500, "offset": 1}, 2)):
        assert len(client.get("operations", params=asked).json()["operations"]) == number
    assert client.get(f"operations/{made[0]}/results").status_code == 200


def test_results_that_are_not_asked_for_count_for_nothing(client: TestClient, complete: Complete) -> None:
    for _ in range(3):
        complete(7 * MIB)
    for asked in ({"operation_type": "training"}, {"status": "failed"}):
        assert client.get("operations", params=asked).status_code == 200


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["data_load failed", "training pending", "backtesting completed", "training completed"]),
        ("newest", ["data_load failed", "training pending", "backtesting completed", "training completed"]),
        ("oldest", ["training completed", "backtesting completed", "training pending", "data_load failed"]),
        ("status", ["training pending", "data_load failed", "backtesting completed", "training completed"]),
        ("type", ["training pending", "training completed", "data_load failed", "backtesting completed"]),
    ],
)
def test_operations_are_sorted_before_they_are_paged(client: TestClient, sort: str | None, expected: list[str]) -> None:
    kinds: tuple[tuple[operations.OperationType, operations.Status], ...] = (
        ("training", "completed"), ("backtesting", "completed"), ("training", "pending"), ("data_load", "failed"),
    )  # fmt: skip
    with client.app.state.context.database.transaction() as db:  # type: ignore[attr-defined]  # FastAPI's
        for kind, status in kinds:
            operation = operations.add(db, kind, {}, NOW)
            if status != "pending":
                operations.finish(db, operation, status, NOW)
    asked: dict[str, str | int] = {"limit": 3} | ({"sort": sort} if sort else {})
    pages = [client.get("operations", params=asked | {"offset": offset}).json()["operations"] for offset in (0, 3)]
    assert [f"{one['operation_type']} {one['status']}" for page in pages for one in page] == expected


def test_an_order_that_does_not_exist_is_refused(client: TestClient) -> None:
    assert client.get("operations", params={"sort": "asc"}).status_code == 422
