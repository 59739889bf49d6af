"""What dead uploads left is removed by a backend that starts or runs; what another backend is taking in stays."""

import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.context import Context
from ktrdr.api.main import create_application
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


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (1800, True), (7200, False)])
def test_a_backend_that_starts_sweeps_only_what_nobody_touched_for_an_hour(
    settings: Settings, tmp_path: Path, age_s: int, *, stays: bool
) -> None:
    left = leave(tmp_path, age_s)
    with TestClient(create_application(settings)):
        assert [path.exists() for path in left] == [stays, stays]


def test_a_backend_that_runs_sweeps_again_every_hour(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(settings)
    context.open()
    left = leave(tmp_path, 7200)
    context.tick()
    assert all(path.exists() for path in left)
    monkeypatch.setattr("ktrdr.api.context.SWEEP_EVERY_S", 0.0)  # as if an hour had gone by
    context.tick()
    assert not any(path.exists() for path in left)
    context.close()
