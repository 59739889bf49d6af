"""What the store promises, on SQLite and on PostgreSQL alike."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ktrdr.api.services.dispatch import Dispatcher, Report
from ktrdr.api.store import migrations, operations
from ktrdr.api.store.connection import Connection, StoreError
from ktrdr.api.store.database import STATEMENT_S, Database, connect, open_connection
from ktrdr.api.store.postgres import SILENCE_S
from ktrdr.errors import KtrdrError
from ktrdr.store_address import Address
from tests.store.conftest import Place

SECONDS = 60.0
NOW = 1_700_000_000.125


def version_one(address: Address) -> None:
    """A database as the first schema made it, with a worker, an operation that it runs and one that waits."""
    db = open_connection(address)
    migrations.migrate(db, migrations.MIGRATIONS[:1])
    db.begin()
    db.rows(
        "INSERT INTO workers (worker_id, worker_type, status, endpoint_url, capabilities, registered_at, last_seen)"
        " VALUES ('w', 'training', 'idle', 'http://w:5003', '{\"gpu\": true}', :now, :now)",
        now=NOW,
    )
    for _ in range(2):
        operations.add(db, "training", {"strategy_name": "s"}, NOW)
    first = operations.waiting(db, "training")[0]["operation_id"]
    operations.hand_out(db, first, "w")
    operations.begin(db, first, NOW + 1)
    db.commit()
    db.close()


def everything(db: Connection) -> list[list[dict[str, object]]]:
    return [db.rows("SELECT * FROM operations ORDER BY position"), db.rows("SELECT * FROM workers")]


ADDED = {"last_asked": 0, "token": "", "address": ""}
"""What later schemas add to a worker's row."""


def migrated(rows: list[list[dict[str, object]]]) -> list[list[dict[str, object]]]:
    """The same rows in the newest schema."""
    jobs, crew = rows
    return [[{**row, "checkpoint": None} for row in jobs], [{**row, **ADDED} for row in crew]]


def look(address: Address) -> tuple[int, list[list[dict[str, object]]]]:
    """The schema's version and all rows, without migrating."""
    db = open_connection(address)
    db.begin()
    found = db.schema_version(), everything(db)
    db.rollback()
    db.close()
    return found


def test_a_new_database_gets_the_newest_schema(place: Place) -> None:
    database = Database(place.address)
    assert (database.open(), database.check()) == (None, None)
    database.close()
    assert look(place.address) == (len(migrations.MIGRATIONS), [[], []])


def test_a_database_of_the_first_schema_is_migrated_when_it_is_opened_and_keeps_its_rows(place: Place) -> None:
    version_one(place.address)
    version, before = look(place.address)
    assert (version, [len(rows) for rows in before]) == (1, [2, 1])
    database = Database(place.address)
    assert database.open() is None
    database.close()
    assert look(place.address) == (len(migrations.MIGRATIONS), migrated(before))


def test_a_migration_may_take_longer_than_any_other_statement(
    postgres_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = (f"SELECT pg_sleep({STATEMENT_S + SILENCE_S + 0.5})", "ALTER TABLE operations ADD COLUMN late INTEGER")
    version_one(postgres_place.address)
    monkeypatch.setattr("ktrdr.api.store.database.MIGRATIONS", (*migrations.MIGRATIONS, slow))
    database = Database(postgres_place.address)
    assert database.open() is None
    database.close()
    assert look(postgres_place.address)[0] == len(migrations.MIGRATIONS) + 1


def test_the_database_itself_refuses_a_second_claim_by_the_same_worker(database: Database) -> None:
    assert database.open() is None
    with database.transaction() as db:
        one, other = (operations.add(db, "training", {}, NOW) for _ in range(2))
        operations.hand_out(db, one, "w")
    with pytest.raises(StoreError, match=r"(?i)unique"), database.transaction() as db:
        operations.hand_out(db, other, "w")
    with database.transaction() as db:
        operations.finish(db, one, "failed", NOW)
        operations.hand_out(db, other, "w")


def test_a_store_of_a_newer_ktrdr_is_refused_with_the_mend_and_left_as_it_is(place: Place) -> None:
    version_one(place.address)
    db = open_connection(place.address)
    db.begin()
    db.set_schema_version(99)
    db.commit()
    db.close()
    before = look(place.address)
    database = Database(place.address)
    problem = database.open()
    assert problem is not None
    assert str(place.address) in problem
    assert "schema 99" in problem
    assert "or name another database in KTRDR_DATABASE_URL" in problem
    assert database.check() == problem
    assert look(place.address) == before


BROKEN = ("ALTER TABLE operations ADD COLUMN half INTEGER", "CREATE TABLE workers (again TEXT)")


def test_a_migration_that_fails_in_the_middle_leaves_the_old_schema(place: Place) -> None:
    version_one(place.address)
    before = look(place.address)
    db = open_connection(place.address)
    with pytest.raises(StoreError, match="already exists"):
        migrations.migrate(db, (*migrations.MIGRATIONS[:1], BROKEN))
    db.close()
    assert look(place.address) == before


KILLED_IN_A_MIGRATION = """
import os, signal, sys
from ktrdr.api.store import migrations
from ktrdr.store_address import read_address
from ktrdr.api.store.database import open_connection

class Step(tuple):
    def __iter__(self):
        yield "ALTER TABLE operations ADD COLUMN half INTEGER"
        yield "CREATE TABLE other (one TEXT)"
        os.kill(os.getpid(), signal.SIGKILL)

migrations.migrate(open_connection(read_address(sys.argv[1])), (*migrations.MIGRATIONS[:1], Step()))
"""


def test_a_backend_killed_in_a_migration_leaves_the_old_schema_and_the_next_one_migrates(place: Place) -> None:
    version_one(place.address)
    before = look(place.address)
    ended = subprocess.run([sys.executable, "-c", KILLED_IN_A_MIGRATION, place.url], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert look(place.address) == before
    connect(place.address).close()
    assert look(place.address) == (len(migrations.MIGRATIONS), migrated(before[1]))


OPENED = """
import sys
from ktrdr.store_address import read_address
from ktrdr.api.store.database import Database
database = Database(read_address(sys.argv[1]))
sys.stdin.readline()
print(database.open())
"""


@pytest.mark.parametrize("old", [True, False], ids=["first-schema", "empty"])
def test_backends_that_start_at_once_migrate_once(place: Place, old: bool) -> None:  # noqa: FBT001  a parameter
    if old:
        version_one(place.address)
    command = [sys.executable, "-c", OPENED, place.url]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ})
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in started]
    assert said == ["None"] * 3
    version, (jobs, crew) = look(place.address)
    assert (version, len(jobs), len(crew)) == (len(migrations.MIGRATIONS), 2 * old, 1 * old)


def test_several_backends_hand_each_operation_to_one_worker_and_each_worker_one_operation(place: Place) -> None:
    databases = [Database(place.address) for _ in range(4)]
    assert [database.open() for database in databases] == [None] * 4
    backends = [Dispatcher(database) for database in databases]
    names = [f"w{number}" for number in range(8)]
    for name in names:
        backends[0].register(name, "training", f"http://{name}:5003", {}, None)
    queued = [backends[0].enqueue("training", {"number": number}) for number in range(32)]
    done: list[str] = []
    together = threading.Barrier(len(names))

    def work(number: int) -> None:
        together.wait(SECONDS)
        end = time.monotonic() + SECONDS
        while len(done) < len(queued) and time.monotonic() < end:
            backend = backends[(number + len(done)) % len(backends)]
            if mine := backend.heartbeat(names[number], None)["operation"]:
                done.append(mine["operation_id"])
                for status in ("running", "completed"):
                    backend.heartbeat(names[number], Report(mine["operation_id"], status, {}, None, {}))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(work, range(len(names))))
    for database in databases:
        database.close()
    assert sorted(done) == sorted(queued)


def test_the_queue_is_handed_out_first_in_first_out_by_whichever_backend(place: Place) -> None:
    first, second = (Dispatcher(Database(place.address)) for _ in range(2))
    assert (first.database.open(), second.database.open()) == (None, None)
    first.register("w", "training", "http://w:5003", {}, None)
    queued = [backend.enqueue("training", {}) for backend in (first, second, second, first)]
    given = []
    for backend in (second, first, first, second):
        operation = backend.heartbeat("w", None)["operation"]["operation_id"]
        given.append(operation)
        backend.heartbeat("w", Report(operation, "running", {}, None, None))
        backend.heartbeat("w", Report(operation, "completed", {}, None, {}))
    first.database.close()
    second.database.close()
    assert given == queued


@pytest.mark.parametrize("sql", ["SELECT nothing FROM nowhere", "INSERT INTO workers (worker_id) VALUES ('w')"])
def test_what_cannot_be_done_is_undone_whole(database: Database, sql: str) -> None:
    def add_and(run: str) -> None:
        with database.transaction() as db:
            operations.add(db, "training", {}, NOW)
            db.rows(run)

    assert database.open() is None
    with pytest.raises(StoreError):
        add_and(sql)
    with database.transaction() as db:
        assert everything(db) == [[], []]
    assert database.check() is None


TEXT = "naïve 漢字 🚀 'quoted' \"twice\" :name ? %s $1 -- ; \\ \n\t end"


def test_values_come_back_as_they_went_in(database: Database) -> None:
    assert database.open() is None
    result = {"text": TEXT + "\0", "number": 1.1, "none": None, "deep": [{"a": [1, 2.5, True]}]}
    with database.transaction() as db:
        operation = operations.add(db, "training", {"request": TEXT}, NOW)
        operations.finish(db, operation, "failed", NOW + 0.001, error=("code", TEXT), result=result)
        row = operations.get(db, operation)
    assert row is not None
    found = json.loads("".join(operations.as_text(row)))
    assert found["metadata"]["request"] == {"request": TEXT}
    assert (found["error_message"], found["result_summary"]) == (TEXT, result)
    assert (row["created_at"], row["completed_at"]) == (NOW, NOW + 0.001)
    assert found["completed_at"] == "2023-11-14T22:13:20.126+00:00"


def test_a_text_with_a_null_character_is_no_reason_to_fail(database: Database) -> None:
    assert database.open() is None
    with database.transaction() as db:
        operation = operations.add(db, "training", {}, NOW)
        operations.finish(db, operation, "failed", NOW, error=("code", "before\0after"))
        row = operations.get(db, operation)
    assert row is not None
    assert row["error_message"].replace("\0", "\N{REPLACEMENT CHARACTER}") == "before\N{REPLACEMENT CHARACTER}after"


def test_pages_are_newest_first_and_selected_by_status_and_type(database: Database) -> None:
    assert database.open() is None
    with database.transaction() as db:
        made = [operations.add(db, kind, {}, NOW) for kind in ("training", "backtesting", "training")]
        operations.finish(db, made[0], "cancelled", NOW)

        def ids(**wanted: str | int | None) -> tuple[list[str], int]:
            asked = {"status": None, "kind": None, "limit": 10, "offset": 0, **wanted}
            rows, total = operations.page(db, **asked)  # type: ignore[arg-type]  # the test varies them freely
            return [row["operation_id"] for row in rows], total

        assert ids() == (made[::-1], 3)
        assert ids(kind="training") == ([made[2], made[0]], 2)
        assert ids(kind="training", status="pending") == ([made[2]], 1)
        assert ids(limit=1, offset=1) == ([made[1]], 3)


def test_a_brief_page_comes_without_results_and_their_size_is_known_before_they_are_read(database: Database) -> None:
    assert database.open() is None
    asked: dict[str, Any] = {"status": None, "kind": None, "limit": 10, "offset": 0}
    with database.transaction() as db:
        done, _waiting = (operations.add(db, "training", {}, NOW) for _ in range(2))
        operations.finish(db, done, "completed", NOW, result={"a": 1})
        full, brief = (operations.page(db, **asked, brief=value)[0] for value in (False, True))
        sizes = [operations.page_size(db, **asked, brief=value) for value in (False, True)]
    assert [row["result_summary"] for row in full] == [None, '{"a":1}']
    assert sizes[0] - sizes[1] == len('{"a":1}')
    assert sizes[1] == sum(len(row["request"]) + len(row["progress"]) for row in full)
    assert [operations.as_text({**row, "result_summary": None}) for row in full] == [
        operations.as_text(row) for row in brief
    ]


def test_a_transaction_that_does_not_end_makes_others_wait_and_then_give_up(place: Place) -> None:
    one, other = Database(place.address), Database(place.address)
    assert (one.open(), other.open()) == (None, None)
    with one.transaction(), pytest.raises(KtrdrError, match="store is unusable"), other.transaction():
        pass
    with other.transaction() as db:
        assert everything(db) == [[], []]
    one.close()
    other.close()
