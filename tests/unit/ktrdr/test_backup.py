"""A backup holds one moment of all that is kept, and comes back whole or not at all."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr import cli
from ktrdr.api.context import Context
from ktrdr.api.main import create_application
from ktrdr.api.store import operations
from ktrdr.api.store.database import Database
from ktrdr.backup import place
from ktrdr.backup.make import backup
from ktrdr.backup.restore import restore
from ktrdr.errors import BadRequestError, ConflictError, InvalidError, KtrdrError, NotFoundError
from ktrdr.model_files import FILES, pack
from ktrdr.settings import Settings
from ktrdr.store_address import PostgresServer, SqliteFile
from tests.api.population import keep_model

MODEL = {"strategy_name": "s", "created_at": "2024-01-01", "symbols": ["EURUSD"], "timeframes": ["1h"]}
BARS = "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1,10\n"
ASKED = ("operations", "models", "data/info", "data/EURUSD/1h", "strategies")


def archive(folder: Path, weights: str = "") -> bytes:
    folder.mkdir(exist_ok=True)
    for name in FILES:
        (folder / name).write_text(json.dumps(MODEL) if name.endswith("json") else weights, encoding="utf-8")
    return pack(folder)


def settings_of(folder: Path) -> Settings:
    return Settings.from_environment({"KTRDR_DATA_DIR": str(folder)})


def opened(folder: Path) -> TestClient:
    return TestClient(create_application(settings_of(folder)), base_url="http://backend/api/v1")


def told(client: TestClient) -> list[Any]:
    return [client.get(path).json() for path in ASKED]


def fill(folder: Path, scratch: Path) -> list[Any]:
    """Let a backend keep something of everything; return what it tells of it."""
    with opened(folder) as client:
        for symbol in ("EURUSD", "GBPUSD"):
            assert client.post(f"data/{symbol}/1h", content=BARS).status_code == 201
        for name in ("a", "b"):
            keep_model(client, name, archive(scratch / "model"))
        (folder / "strategies").mkdir()
        (folder / "strategies" / "broken.yaml").write_text("name: broken\n", encoding="utf-8")
        return told(client)


@pytest.fixture
def kept(tmp_path: Path) -> list[Any]:
    """What the backend of `tmp_path/"first"` tells."""
    return fill(tmp_path / "first", tmp_path)


@pytest.fixture
def made(tmp_path: Path, kept: list[Any]) -> bytes:
    assert kept
    file = io.BytesIO()
    backup(settings_of(tmp_path / "first"), file)
    return file.getvalue()


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a directory, but for locks and the database's log."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith((".lock", "-shm"))]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if not path.name.endswith("-wal")}


def test_a_restored_backend_tells_what_the_first_one_told(tmp_path: Path, kept: list[Any], made: bytes) -> None:
    contents = restore(settings_of(tmp_path / "second"), io.BytesIO(made))
    assert len(contents.files) == 1 + 2 + 2 * len(FILES) + 1
    with opened(tmp_path / "second") as client:
        assert told(client) == kept
        assert client.post("data/EURUSD/1h", content=BARS).status_code == 201
    assert [path.name for path in (tmp_path / "second").glob(".restore*")] == []
    assert list((tmp_path / "first").glob(".backup-*")) == []


def test_a_backup_is_of_one_moment_while_the_backend_stores_and_removes(tmp_path: Path) -> None:
    """Each model comes with an upload of the same number, and goes before the next: a backup never sees half a step."""
    folder, enough = tmp_path / "first", threading.Event()
    contents = [archive(tmp_path / "model", str(number)) for number in range(2)]
    backups: list[bytes] = []
    with opened(folder) as client:
        keep_model(client, "m0", contents[0])

        def work() -> None:
            number = 0
            while not enough.is_set():
                number += 1
                keep_model(client, f"m{number}", contents[number % 2])
                assert (
                    client.post(
                        "data/EURUSD/1h?replace=true", content=BARS.replace(",10\n", f",{number}\n")
                    ).status_code
                    == 201
                )
                assert client.delete(f"models/m{number - 1}").status_code == 200

        working = threading.Thread(target=work)
        working.start()
        try:
            for _ in range(12):
                file = io.BytesIO()
                backup(settings_of(folder), file)
                backups.append(file.getvalue())
        finally:
            enough.set()
            working.join()
    numbers = []
    for place_, content in enumerate(backups):
        restored = tmp_path / f"restored{place_}"
        restore(settings_of(restored), io.BytesIO(content))
        models = sorted(int(path.name[1:]) for path in (restored / "models").iterdir())
        assert len(models) in (1, 2)
        assert models[-1] - models[0] == len(models) - 1
        with opened(restored) as client:
            listed = client.get("models").json()
            assert sorted(int(model["name"][1:]) for model in listed["models"]) == models
            loads = client.get("operations").json()["total_count"]
            series = client.get("data/EURUSD/1h").json()
            volume = series["data"]["ohlcv"][0][4] if series["success"] else 0
            assert volume - loads in (0, 1)  # the file has its place a moment before its operation
            assert models[-1] - volume in (0, 1)
        numbers.append(models[-1])
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1, "the backend stood still"


def test_no_backup_is_restored_beside_a_backend(tmp_path: Path, made: bytes) -> None:
    with opened(tmp_path / "second") as client, pytest.raises(ConflictError, match="stop it first"):
        restore(settings_of(tmp_path / "second"), io.BytesIO(made), replace=True)
    assert client.get("health").status_code in (200, 503)


def test_a_backend_that_starts_during_a_restore_waits_for_its_end(tmp_path: Path) -> None:
    context = Context(settings_of(tmp_path))
    with place.alone(tmp_path):
        context.open()
        assert context.refusal == "a backup is being restored; wait for its end"
        assert context.database.check() == "not opened yet"
    context.tick()
    assert [context.refusal, context.database.check()] == [None, None]
    context.close()


def test_what_is_there_is_replaced_only_if_that_is_said(tmp_path: Path, made: bytes, kept: list[Any]) -> None:
    second = tmp_path / "second"
    with opened(second) as client:
        assert client.get("health").status_code == 200
    assert "ktrdr.db" in everything(second)
    restore(settings_of(second), io.BytesIO(made))  # a backend has been here and kept nothing
    with opened(second) as client:
        assert client.post("data/USDJPY/1h", content=BARS).status_code == 201
    before = everything(second)
    with pytest.raises(ConflictError, match=r"EURUSD_1h\.csv, GBPUSD_1h\.csv, USDJPY_1h\.csv, models, .* --replace"):
        restore(settings_of(second), io.BytesIO(made))
    assert everything(second) == before
    restore(settings_of(second), io.BytesIO(made), replace=True)
    with opened(second) as client:
        assert told(client) == kept
        assert client.get("data/USDJPY/1h").status_code == 404


def spoilt(content: bytes, name: str, text: bytes | None, *, add: bool = False) -> bytes:
    """The same archive with one member's content replaced, left out (None), or added."""
    file = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=file, mode="w") as new:
        for info in old:
            data = old.extractfile(info)
            assert data is not None
            body = data.read()
            if add and info.name == "backup.json" and text is not None:
                extra = tarfile.TarInfo(name)
                extra.size = len(text)
                new.addfile(extra, io.BytesIO(text))
            if info.name == name:
                if text is None:
                    continue
                body = text
            info.size = len(body)
            new.addfile(info, io.BytesIO(body))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "add", "reason"),
    [
        ("EURUSD_1h.csv", b"other", False, "EURUSD_1h.csv was changed"),
        ("EURUSD_1h.csv", None, False, "EURUSD_1h.csv is missing"),
        ("ktrdr.db", None, False, "ktrdr.db is missing"),
        ("backup.json", None, False, "its end is missing"),
        ("backup.json", b"{}", False, "backup.json: version: Field required"),
        ("more.csv", b"x", True, "more.csv is not listed"),
        ("../more.csv", b"x", True, "'../more.csv' has no place in it"),
        ("/more.csv", b"x", True, "'/more.csv' has no place in it"),
        ("models/.hidden", b"x", True, "'models/.hidden' has no place in it"),
    ],
)
def test_a_damaged_backup_changes_nothing(
    tmp_path: Path, made: bytes, name: str, text: bytes | None, *, add: bool, reason: str
) -> None:
    before = everything(tmp_path / "first")
    with pytest.raises(InvalidError, match="no whole backup") as told_:
        restore(settings_of(tmp_path / "first"), io.BytesIO(spoilt(made, name, text, add=add)), replace=True)
    assert f"{reason}. Nothing was changed." in told_.value.message
    assert everything(tmp_path / "first") == before


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_backup_that_was_cut_off_changes_nothing(tmp_path: Path, made: bytes, share: float) -> None:
    before = everything(tmp_path / "first")
    end = made.rindex(b"backup.json")
    with pytest.raises(InvalidError, match="no whole backup"):
        restore(settings_of(tmp_path / "first"), io.BytesIO(made[: int(end * share)]), replace=True)
    assert everything(tmp_path / "first") == before


def test_a_backup_of_a_newer_ktrdr_is_refused(tmp_path: Path, kept: list[Any]) -> None:
    assert kept
    with sqlite3.connect(tmp_path / "first" / "ktrdr.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    file = io.BytesIO()
    backup(settings_of(tmp_path / "first"), file)
    with pytest.raises(InvalidError, match="which is newer"):
        restore(settings_of(tmp_path / "second"), io.BytesIO(file.getvalue()))
    assert everything(tmp_path / "second") == {}


def test_a_disk_that_fails_in_the_middle_leaves_what_was_there(
    tmp_path: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the renamings fails once."""
    before, rename, failed = everything(tmp_path / "first"), Path.rename, 0
    while True:
        left = [failed]

        def failing(path: Path, target: Any, left: list[int] = left) -> Path:
            left[0] -= 1
            if left[0] == -1:
                raise OSError(5, "Input/output error")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", failing)
        try:
            restore(settings_of(tmp_path / "first"), io.BytesIO(made), replace=True)
        except OSError:
            failed += 1
        else:
            break
        finally:
            monkeypatch.setattr(Path, "rename", rename)
        found = everything(tmp_path / "first")
        assert found == before or not any(name.startswith(".") for name in found)
        before = found
    assert failed > 8


KILLED = """
import sys
from pathlib import Path
from ktrdr.backup import place
from ktrdr.backup.restore import restore
from ktrdr.settings import Settings
import os, signal
left, rename = int(sys.argv[2]), Path.rename
def killing(path, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
Path.rename = killing
restore(Settings.from_environment(), open(sys.argv[1], "rb"), replace=True)
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5, 8, 10, 20])
def test_after_a_kill_at_any_step_a_backend_finds_what_was_there_or_the_backup_whole(
    tmp_path: Path, made: bytes, kept: list[Any], steps: int
) -> None:
    second, file = tmp_path / "second", tmp_path / "backup.tar"
    file.write_bytes(made)
    with opened(second) as client:
        assert client.post("data/USDJPY/1h", content=BARS).status_code == 201
        before = told(client)
    command = [sys.executable, "-c", KILLED, str(file), str(steps)]
    ended = subprocess.run(command, env={**os.environ, "KTRDR_DATA_DIR": str(second)}, check=False, timeout=60)
    with opened(second) as client:
        assert client.get("health").json()["status"] == "ok"
        found = told(client)
    assert found == (before if steps <= 1 else kept)  # the second renaming makes it ready
    assert ended.returncode == (-signal.SIGKILL if steps <= 10 else 0)
    assert not place.interrupted(second)


def test_what_a_killed_backup_or_restore_left_is_swept(tmp_path: Path) -> None:
    left = [tmp_path / ".backup-x", tmp_path / ".restore-x"]
    for path in left:
        (path / "new").mkdir(parents=True)
        os.utime(path, (0, 0))
    with opened(tmp_path):
        assert not any(path.exists() for path in left)


def test_a_database_on_a_server_is_left_to_its_own_tools(tmp_path: Path) -> None:
    settings = Settings(tmp_path, PostgresServer("db", 5432, "ktrdr", "me"))
    with pytest.raises(BadRequestError, match="pg_dump"):
        backup(settings, io.BytesIO())
    with pytest.raises(BadRequestError, match="KTRDR_DATABASE_URL"):
        restore(Settings(tmp_path, SqliteFile(tmp_path / "deeper" / "ktrdr.db")), io.BytesIO())


def test_a_directory_without_a_database_has_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="KTRDR_DATA_DIR"):
        backup(settings_of(tmp_path), io.BytesIO())


def test_a_damaged_database_is_not_backed_up(tmp_path: Path) -> None:
    database = Database(SqliteFile(tmp_path / "ktrdr.db"))
    assert database.open() is None
    with database.transaction() as db:
        for _ in range(50):
            operations.add(db, "training", {"text": "x" * 900}, 1.0)
    database.close()
    content = bytearray((tmp_path / "ktrdr.db").read_bytes())
    content[3 * 4096 :] = os.urandom(len(content) - 3 * 4096)
    (tmp_path / "ktrdr.db").write_bytes(content)
    with pytest.raises(KtrdrError, match="No backup was made: ktrdr"):
        backup(settings_of(tmp_path), io.BytesIO())


def test_the_commands_write_and_restore_a_file_and_say_what_it_holds(
    tmp_path: Path, kept: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ktrdr.tar"
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "first"))
    assert cli.main(["backup", str(file)]) == 0
    assert f"backup written to {file}: the database, 2 series and 2 models, 0." in capsys.readouterr().err
    assert cli.main(["restore", str(file)]) == 1
    assert "or add --replace" in capsys.readouterr().err
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "second"))
    assert cli.main(["restore", str(file)]) == 0
    assert "the database, 2 series and 2 models, 0." in capsys.readouterr().err
    with opened(tmp_path / "second") as client:
        assert told(client) == kept


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "nothing"))
    assert cli.main(["backup", str(tmp_path / "ktrdr.tar")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_a_backup_in_a_directory_of_the_data_is_not_in_itself(tmp_path: Path, kept: list[Any]) -> None:
    assert kept
    first = tmp_path / "first"
    (first / "backups").mkdir()
    (first / "backups" / "older.tar").write_bytes(b"x")
    with (first / "backups" / "new.tar").open("wb") as file:
        contents = backup(settings_of(first), file, first / "backups" / "new.tar")
    assert not [name for name in contents.files if name.startswith("backups")]
