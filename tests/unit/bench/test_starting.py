"""The wait for a worker's registration, run as the backend's container runs it."""

import subprocess
import sys

from bench.groups.starting import REGISTERED


def test_a_worker_that_never_registers_is_waited_for_no_longer_than_its_deadline() -> None:
    command = [sys.executable, "-c", REGISTERED.replace(":8000/", ":9/"), "0.2"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "no worker registered in 0.2 s\n"
