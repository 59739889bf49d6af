"""A process killed at a random moment of an upload, of a model's store or of a migration: all or nothing is there."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.api.store import migrations, operations
from ktrdr.api.store.database import Database, open_connection
from ktrdr.data.files import DataDirectory
from ktrdr.data.placing import Wishes
from ktrdr.data.sample import generate, to_csv
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import FILES, digest, pack
from ktrdr.store_address import SqliteFile

KILLS = 50
NOW = 1_700_000_000.0


def forked(work: Callable[[], None], moment: float | None) -> bool:
    """Do something in a process of its own that is killed after so many seconds; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  the test tells by the exit code
            os._exit(1)
        os._exit(0)
    if moment is not None:
        time.sleep(moment)  # the random moment itself: nothing is waited for
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.waitstatus_to_exitcode(status) == 0


def kills(works: list[Callable[[], None]], check: Callable[[int, bool], None]) -> None:
    """Kill each of the works in turn, at random moments of the time that it takes; check after each."""
    began = time.monotonic()
    assert forked(works[0], None)
    takes, ended = time.monotonic() - began, 0
    check(0, True)
    for number in range(1, KILLS + 1):
        done = forked(works[number % len(works)], random.uniform(0, takes))  # noqa: S311  no secret
        ended += done
        check(number, done)
    assert ended < KILLS, "nothing was ever killed"


def aged(root: Path) -> None:
    for path in root.rglob(".*"):
        os.utime(path, (0, 0))


def test_an_upload_that_is_killed_leaves_the_whole_old_series_or_the_whole_new_one(tmp_path: Path) -> None:
    directory, texts = DataDirectory(tmp_path), [to_csv(generate(2023, seed=seed)).encode() for seed in (1, 2)]
    wholes: dict[int, bytes] = {}

    def work(text: bytes) -> Callable[[], None]:
        def upload() -> None:
            with directory.upload("EURUSD", "1h", Wishes(replace=True)) as incoming:
                for begin in range(0, len(text), 50_000):
                    incoming.feed(text[begin : begin + 50_000])
                incoming.finish()

        return upload

    def check(number: int, done: bool) -> None:  # noqa: FBT001  as forked tells
        content = (tmp_path / "EURUSD_1h.csv").read_bytes()
        assert content in wholes.values() or done
        if done:
            assert wholes.setdefault(number % 2, content) == content

    works = [work(text) for text in texts]
    for number in (1, 0):  # what each of them leaves when nobody kills it
        assert forked(works[number], None)
        check(number, True)
    assert len({*wholes.values()}) == len(texts)
    kills(works, check)
    aged(tmp_path)
    directory.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["EURUSD_1h.csv"]


def test_a_model_s_store_that_is_killed_leaves_the_whole_model_or_none(tmp_path: Path) -> None:
    about = {"strategy_name": "s", "created_at": "2024-01-01", "symbols": [], "timeframes": []}
    for name in FILES:
        (tmp_path / name).write_text(json.dumps(about) if name.endswith("json") else "x" * 2_000_000)
    archive, directory = pack(tmp_path), ModelDirectory(tmp_path / "models")
    stored = digest(archive)

    def work(number: int) -> Callable[[], None]:
        def store() -> None:
            with directory.incoming(f"m{number}", stored) as incoming:
                for begin in range(0, len(archive), 100_000):
                    incoming.feed(archive[begin : begin + 100_000])
                incoming.finish()

        return store

    def check(number: int, done: bool) -> None:  # noqa: FBT001  as forked tells
        name = f"m{number}"
        assert (name in directory.names()) or not done
        if name in directory.names():
            assert digest(pack(directory.path(name))) == stored

    kills([work(number) for number in range(KILLS + 1)], check)
    aged(tmp_path / "models")
    directory.sweep()
    assert {path.name for path in (tmp_path / "models").iterdir()} == {*directory.names()}


@pytest.mark.parametrize("steps", [1, 3])
def test_a_migration_that_is_killed_goes_on_at_the_next_start_and_loses_no_row(tmp_path: Path, steps: int) -> None:
    old = open_connection(SqliteFile(tmp_path / "old.db"))
    migrations.migrate(old, migrations.MIGRATIONS[:steps])
    old.begin()
    names = [operations.add(old, "training", {"text": "x" * 2000}, NOW) for _ in range(300)]
    old.commit()
    old.close()

    def fresh(number: int) -> SqliteFile:
        return SqliteFile(tmp_path / f"{number}.db")

    for number in range(KILLS + 1):
        shutil.copy(tmp_path / "old.db", fresh(number).path)

    def work(number: int) -> Callable[[], None]:
        def migrate() -> None:
            assert Database(fresh(number)).open() is None

        return migrate

    def check(number: int, _done: bool) -> None:  # noqa: FBT001  as forked tells
        database = Database(fresh(number))
        assert database.open() is None
        with database.transaction() as db:
            assert db.schema_version() == len(migrations.MIGRATIONS)
            rows, total = operations.page(db, status=None, kind=None, limit=500, offset=0)
            assert db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
        database.close()
        assert ([row["operation_id"] for row in reversed(rows)], total) == (names, len(names))

    kills([work(number) for number in range(KILLS + 1)], check)
