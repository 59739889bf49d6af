"""What dead uploads left is removed when a backend starts; what another backend is taking in stays."""

import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.settings import Settings


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (1800, True), (7200, False)])
def test_a_backend_that_starts_sweeps_only_what_nobody_touched_for_an_hour(
    settings: Settings, tmp_path: Path, age_s: int, *, stays: bool
) -> None:
    upload, incoming = tmp_path / ".upload-abc", tmp_path / "models" / ".incoming-abc"
    incoming.mkdir(parents=True)
    (incoming / "weights.safetensors").write_bytes(b"half")
    upload.write_text("half")
    then = time.time() - age_s
    for path in (upload, incoming):
        os.utime(path, (then, then))
    with TestClient(create_application(settings)):
        assert (upload.exists(), incoming.exists()) == (stays, stays)
