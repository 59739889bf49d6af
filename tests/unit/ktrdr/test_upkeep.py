"""Years of use: ended operations go by age and number, their space goes back, and a damaged file is told."""

import os
import sqlite3
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.context import Context
from ktrdr.api.main import create_application
from ktrdr.api.services import upkeep
from ktrdr.api.services.upkeep import DAY_S, Upkeep
from ktrdr.api.store import migrations, operations
from ktrdr.api.store.database import Database, open_connection
from ktrdr.disk import RESERVE
from ktrdr.errors import SettingError
from ktrdr.settings import Settings
from ktrdr.store_address import SqliteFile

NOW = 1_700_000_000.0


@pytest.fixture
def opened(database: Database) -> Iterator[Database]:
    assert database.open() is None
    yield database
    database.close()


def add(database: Database, number: int, ended: float | None, size: int = 10) -> list[str]:
    """Add operations that ended at a moment, each a second after the one before, or that have not ended."""
    with database.transaction() as db:
        made = [operations.add(db, "training", {}, NOW) for _ in range(number)]
        for place, name in enumerate(made):
            if ended is not None:
                operations.finish(db, name, "completed", ended + place, result={"text": "x" * size})
    return made


def left(database: Database) -> set[str]:
    with database.transaction() as db:
        rows, _ = operations.page(db, status=None, kind=None, limit=10_000, offset=0)
    return {row["operation_id"] for row in rows}


def test_operations_that_ended_too_many_days_ago_are_removed_and_those_at_work_never(opened: Database) -> None:
    old, new, waiting = add(opened, 3, NOW - 31 * DAY_S), add(opened, 3, NOW - 29 * DAY_S), add(opened, 2, None)
    Upkeep(opened, 30, 1000, clock=lambda: NOW).tick()
    assert left(opened) == {*new, *waiting}
    assert not {*old} & left(opened)


def test_of_more_operations_than_may_be_kept_the_ones_that_ended_first_are_removed(opened: Database) -> None:
    late, early, waiting = add(opened, 4, NOW - 50), add(opened, 4, NOW - 100), add(opened, 2, None)
    Upkeep(opened, 30, 5, clock=lambda: NOW).tick()
    assert left(opened) == {late[-3], late[-2], late[-1], *waiting}
    assert early


@pytest.mark.parametrize("name", ["KTRDR_KEEP_DAYS", "KTRDR_KEEP_OPERATIONS"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "9" * 20])
def test_a_bound_that_is_no_number_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is '{value}'; write a whole number from 1 to 1000000000"):
        Settings.from_environment({name: value})


def test_the_bounds_are_those_of_the_settings(settings: Settings) -> None:
    given = {"KTRDR_DATA_DIR": str(settings.data_dir), "KTRDR_KEEP_DAYS": "7", "KTRDR_KEEP_OPERATIONS": "2"}
    context = Context(Settings.from_environment(given))
    context.open()
    add(context.database, 4, time.time() - 60)
    old = add(context.database, 1, time.time() - 8 * DAY_S)
    context.upkeep._due = 0.0  # as if a minute had gone by
    context.tick()
    assert len(left(context.database)) == 2
    assert not {*old} & left(context.database)
    context.close()


def test_waiting_operations_stay_even_if_they_alone_are_too_many(opened: Database) -> None:
    waiting = add(opened, 4, None)
    Upkeep(opened, 30, 1, clock=lambda: NOW).tick()
    assert left(opened) == {*waiting}


def test_a_tick_removes_a_bounded_number_and_the_next_one_goes_on(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "OPERATIONS_AT_ONCE", 4)
    add(opened, 10, NOW - 31 * DAY_S)
    keeper, numbers = Upkeep(opened, 30, 1000, clock=lambda: NOW), []
    for _ in range(4):
        keeper.tick()
        numbers.append(len(left(opened)))
    assert numbers == [6, 2, 0, 0]
    add(opened, 1, NOW - 31 * DAY_S)
    keeper.tick()
    assert len(left(opened)) == 1  # nothing was due: it looks again in a minute


def test_the_space_of_removed_operations_goes_back_to_the_disk(
    opened: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr.api.store.sqlite.SPARE_PAGES", 100)
    monkeypatch.setattr(upkeep, "PAGES_AT_ONCE", 500)
    add(opened, 100, NOW - 31 * DAY_S, size=100_000)

    def size() -> int:
        with sqlite3.connect(tmp_path / "ktrdr.db") as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return (tmp_path / "ktrdr.db").stat().st_size

    sizes = [size()]
    keeper = Upkeep(opened, 30, 1000, clock=lambda: NOW)
    for _ in range(8):
        keeper.tick()
        sizes.append(size())
    assert sizes[0] > 10_000_000
    assert all(before - after <= 502 * 4096 for before, after in pairwise(sizes))
    assert sizes[-1] < 1_000_000


def test_a_file_of_an_earlier_ktrdr_is_rewritten_once_so_that_it_can_shrink(tmp_path: Path) -> None:
    path = tmp_path / "ktrdr.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE before (text TEXT)")
        db.execute("DROP TABLE before")
    old = open_connection(SqliteFile(path))
    migrations.migrate(old, migrations.MIGRATIONS[:3])
    assert old.row("PRAGMA auto_vacuum") == {"auto_vacuum": 0}
    old.begin()
    kept = operations.add(old, "training", {}, NOW)
    old.commit()
    old.close()
    database = Database(SqliteFile(path))
    assert database.open() is None
    with database.transaction() as db:
        assert db.row("PRAGMA auto_vacuum") == {"auto_vacuum": 2}
        assert operations.get(db, kept) is not None
    database.close()


def plans(db: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the connection tell how it finds rows, for every statement that it runs."""
    told: list[str] = []
    run = type(db).rows

    def rows(self: Any, sql: str, **values: Any) -> Any:
        if sql.startswith(("SELECT", "DELETE")):
            told.extend(row["detail"] for row in run(self, "EXPLAIN QUERY PLAN " + sql, **values))
        return run(self, sql, **values)

    monkeypatch.setattr(type(db), "rows", rows)
    return told


@pytest.mark.parametrize("kind", [None, "training"])
@pytest.mark.parametrize("status", [None, "running"])
@pytest.mark.parametrize("sort", operations.ORDERS)
def test_a_list_and_its_count_read_no_row_that_they_do_not_show(
    opened: Database, monkeypatch: pytest.MonkeyPatch, sort: str, status: str | None, kind: str | None
) -> None:
    with opened.transaction() as db:
        told = plans(db, monkeypatch)
        asked: dict[str, Any] = {"status": status, "kind": kind, "sort": sort, "limit": 10, "offset": 0}
        operations.page_size(db, **asked)
        operations.page(db, **asked)
        operations.counts(db)
        operations.prune(db, NOW, 0, 10)
    assert told
    whole = [plan for plan in told if "SCAN operations" in plan and "INDEX" not in plan]
    # Without a condition a page is read in the table's own order, from one of its ends.
    in_place = status is None and kind is None and sort in ("newest", "oldest")
    assert len(whole) == (2 if in_place else 0), told
    assert not [plan for plan in told if "TEMP B-TREE" in plan], told


def test_health_tells_a_full_disk_and_is_well_again_when_there_is_room(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = SimpleNamespace(f_bavail=(RESERVE - 1) // 4096, f_frsize=4096, f_files=100, f_favail=10)
    monkeypatch.setattr("ktrdr.disk.os.statvfs", lambda _path: room)
    answer = client.get("health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["reason"] == (
        "disk full: 8.0 MB are free where the data lie, and 8 MB are needed; make room there"
    )
    assert answer.json()["database"]["state"] == "ok"
    room.f_bavail += 1
    assert client.get("health").status_code == 200
    room.f_favail = 0
    assert client.get("health").json()["reason"].startswith("disk full: no file can be added")
    room.f_files = 0  # a file system that does not count them
    assert client.get("health").status_code == 200


def damage(path: Path) -> None:
    """Overwrite an index's page, which no statement of the start reads."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'models_by_strategy'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))


def test_a_damaged_file_is_found_at_the_start_told_with_the_mend_and_not_written_to(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "START_WAITS_S", 30.0)
    path = settings.data_dir / "ktrdr.db"
    database = Database(SqliteFile(path))
    assert database.open() is None
    add(database, 5, NOW)
    database.close()
    damage(path)
    before = path.read_bytes()
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        assert client.get("health").status_code == 503
        reason = client.get("health").json()["reason"]
        assert reason.startswith("ktrdr.db is damaged: ")
        assert reason.endswith("stop the backend, and restore a backup: ktrdr restore FILE --replace")
        refused = client.post("data/EURUSD/1h", content="x")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert "is damaged" in refused.json()["error"]["message"]
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_told_with_the_mend(settings: Settings) -> None:
    (settings.data_dir / "ktrdr.db").write_bytes(b"no database at all " * 1000)
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        reason = client.get("health").json()["reason"]
    assert reason == (
        "ktrdr.db cannot be opened: file is not a database;"
        " stop the backend, and restore a backup: ktrdr restore FILE --replace"
    )


def test_a_check_that_is_under_way_ends_with_the_backend(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ktrdr.api.store.sqlite.INSTRUCTIONS", 1)
    monkeypatch.setattr(upkeep, "START_WAITS_S", 0.0)
    context = Context(settings)
    context.upkeep._stopping.set()
    context.open()
    context.close()
    assert not context.upkeep._examination or not context.upkeep._examination.is_alive()
    assert context.database.problem == "closed"
    assert "damage" not in caplog.text


def test_files_of_ended_operations_are_looked_for_once_a_minute_and_not_at_every_tick(opened: Database) -> None:
    looked: list[str] = []
    keeper = Upkeep(opened, 30, 1000, [lambda: looked.append("records"), lambda: looked.append("checkpoints")])
    for _ in range(3):
        keeper.tick()
    assert looked == ["records", "checkpoints"]
