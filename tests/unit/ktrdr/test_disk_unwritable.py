"""A data directory that is somebody else's: the cause and the next step stand in the answer about health."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.disk import unwritable
from ktrdr.settings import Settings

NOBODY = 65534


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that this process may not write to: root's own, seen as another user, or one without the right."""
    path = Path(tempfile.mkdtemp(prefix="ktrdr-unwritable-"))  # pytest's own are below one that is root's alone
    me = os.geteuid()
    try:
        path.chmod(0o755 if me == 0 else 0o555)
        if me == 0:
            os.seteuid(NOBODY)
        yield path
    finally:
        os.seteuid(me)
        path.chmod(0o755)
        shutil.rmtree(path)


def test_health_names_both_users_and_what_to_do(directory: Path) -> None:
    owner, mode = directory.stat().st_uid, f"{directory.stat().st_mode & 0o777:o}"
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(directory)})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        answer = client.get("health")
    uid = os.geteuid()
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["reason"] == (
        f"ktrdr.db cannot be opened: the data directory is not writable by uid {uid}: it belongs to uid {owner}, "
        f"with mode {mode}; give it to uid {uid} (docker run --tmpfs /data:uid={uid}, or chown {uid} on the host)"
    )
    assert str(directory) not in answer.text


def test_it_works_as_soon_as_the_directory_is_given(directory: Path) -> None:
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(directory)})
    app = create_application(settings)
    with TestClient(app, base_url="http://backend/api/v1") as client:
        assert client.get("health").status_code == 503
        uid = os.geteuid()
        if uid == NOBODY:
            os.seteuid(0)
            os.chown(directory, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        else:
            directory.chmod(0o755)
        app.state.context.tick()
        assert client.get("health").json()["status"] == "ok"


def test_a_read_only_file_system_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrdr.disk.os.statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert unwritable(tmp_path) == "the data directory is on a read-only file system: mount a volume there"


def test_another_fault_is_told_as_it_is(tmp_path: Path) -> None:
    assert unwritable(tmp_path) is None
    assert unwritable(tmp_path / "nothing") is None
    (tmp_path / "ktrdr.db").mkdir()
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path)})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        assert client.get("health").json()["reason"] == "ktrdr.db cannot be opened: unable to open database file"
