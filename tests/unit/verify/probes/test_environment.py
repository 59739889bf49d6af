"""The home counts as the user's only if he may enter, read and write it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


def home_is_writable(home: Path) -> bool:
    reading, writing = os.pipe()
    environment = os.environ | {"HOME": str(home), "KTRDR_PROBE_FD": str(writing), "KTRDR_PROBE_ARGUMENT": "{}"}
    command = [sys.executable, "-m", "verify.probes.environment"]
    with os.fdopen(reading, encoding="utf-8") as report:
        subprocess.run(command, check=True, cwd=ROOT, env=environment, pass_fds=[writing])
        os.close(writing)
        return '"home_is_writable": true' in report.read()


@pytest.mark.parametrize(
    ("mode", "open_"),
    [(0o000, False), (0o300, False), (0o500, False), (0o600, False), (0o700, True), (0o755, True)],
)
def test_a_home_that_is_closed_to_its_owner_is_told(tmp_path: Path, mode: int, *, open_: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(mode)
    assert home_is_writable(home) is open_


def test_a_home_that_is_missing_or_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o700)
    assert not home_is_writable(tmp_path / "home")
    assert not home_is_writable(tmp_path / "file")
