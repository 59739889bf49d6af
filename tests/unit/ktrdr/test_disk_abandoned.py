"""What dead uploads left is removed by a backend that starts or runs; what another backend is taking in stays."""

import errno
import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.context import SWEEP_EVERY_S, Context
from ktrdr.api.main import create_application
from ktrdr.data.files import DataDirectory
from ktrdr.disk import YOUNG_S
from ktrdr.model_directory import ModelDirectory
from ktrdr.settings import Settings


def leave(folder: Path, age_s: float) -> list[Path]:
    """Leave what an upload of bars and one of a model leave when their process dies, so many seconds ago."""
    upload, incoming = folder / ".upload-abc", folder / "models" / ".incoming-abc"
    incoming.mkdir(parents=True)
    (incoming / "weights.safetensors").write_bytes(b"half")
    upload.write_text("half")
    then = time.time() - age_s
    for path in (upload, incoming):
        os.utime(path, (then, then))
    return [upload, incoming]


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (10, True), (60, False)])
def test_a_backend_that_starts_sweeps_what_a_dead_upload_left_more_than_half_a_minute_ago(
    settings: Settings, tmp_path: Path, age_s: int, *, stays: bool
) -> None:
    left = leave(tmp_path, age_s)
    with TestClient(create_application(settings)):
        assert [path.exists() for path in left] == [stays, stays]


def test_what_is_too_young_at_the_start_goes_within_a_minute_of_it() -> None:
    assert YOUNG_S + SWEEP_EVERY_S < 60.0


def test_a_backend_that_runs_sweeps_again_and_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(settings)
    context.open()
    left = leave(tmp_path, 7200)
    context.tick()
    assert all(path.exists() for path in left)
    monkeypatch.setattr("ktrdr.api.context.SWEEP_EVERY_S", 0.0)  # as if the time had gone by
    context.tick()
    assert not any(path.exists() for path in left)
    context.close()


def test_what_another_backend_is_taking_in_stays_however_slowly_it_comes(settings: Settings, tmp_path: Path) -> None:
    data, models = DataDirectory(tmp_path), ModelDirectory(tmp_path / "models")
    with data.upload("EURUSD", "1h"), models.incoming("m", "0" * 64):
        taken = [*tmp_path.glob(".upload-*"), *(tmp_path / "models").glob(".incoming-*")]
        assert len(taken) == 2
        for path in taken:
            os.utime(path, (0, 0))
        with TestClient(create_application(settings)):
            assert all(path.exists() for path in taken)
    assert not any(path.exists() for path in taken)


@pytest.mark.parametrize(("age_s", "stays"), [(1800, True), (7200, False)])
def test_without_locks_of_the_file_system_a_dead_upload_is_told_by_an_hour_of_silence(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int, *, stays: bool
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("ktrdr.disk.fcntl.flock", none)
    left = leave(tmp_path, age_s)
    with TestClient(create_application(settings)):
        assert [path.exists() for path in left] == [stays, stays]
