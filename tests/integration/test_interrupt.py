"""Ctrl-C and SIGTERM end a build or a verification at once, with 130; no process is left, nothing on the engine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.artifacts import BUILD, LOG
from tests.integration.conftest import Checkout, Images
from tests.support.checkout import CONTRACT_FILE
from tests.support.signals import HEEDING
from tests.support.waiting import until

LONG = "sleep 86399"  # the step that is interrupted; a number that no other process has
BUILD_ENDS_WITHIN = 5.0
VERIFY_ENDS_WITHIN = 35.0  # its cleaning up has a deadline of 30 s
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


@contextmanager
def started(*command: str, cwd: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command as the leader of a session of its own; whatever happens, it ends with the test."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*HEEDING, *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def parents() -> dict[int, int]:
    """Return every process and its parent, zombies aside (proc(5), stat)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            found[int(path.parent.name)] = int(parent)
    return found


def offspring(pid: int) -> set[int]:
    """Return the processes that a process started, and those that these did."""
    known, found = parents(), {pid}
    while more := {child for child, parent in known.items() if parent in found} - found:
        found |= more
    return found - {pid}


def sleeping() -> list[int]:
    """Return the processes that are in the long step; on another machine's engine they cannot be seen."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().replace(b"\0", b" ").strip() == LONG.encode():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_while(process: "subprocess.Popen[bytes]", log: Path, begun: Callable[[], Any]) -> None:
    """Wait until the work to be interrupted has begun; fails at once when the command ends before."""
    until("the work to be interrupted", lambda: begun() or process.poll() is not None)
    assert process.poll() is None, f"it ended before it could be interrupted:\n{log.read_text()[-3000:]}"


def interrupt(process: "subprocess.Popen[bytes]", number: int, within: float, log: Path) -> None:
    """Send a signal to the process alone, and see it end as it should."""
    began = time.monotonic()
    os.kill(process.pid, number)
    try:
        code = process.wait(within)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still running {within} s after the signal:\n{log.read_text()[-3000:]}", pytrace=False)
    printed = log.read_text(encoding="utf-8", errors="replace")
    assert code == 130, f"{code} after {time.monotonic() - began:.1f} s:\n{printed[-3000:]}"
    assert "Traceback" not in printed, printed[-3000:]
    assert printed.rstrip().endswith("interrupted"), printed[-3000:]


@SIGNALS
def test_a_build_that_is_interrupted_ends_with_all_its_processes(
    number: int, images: Images, checkout: Checkout, tmp_path: Path
) -> None:
    step = f"RUN echo the long step has begun && {LONG}"
    checkout.change("deploy/docker/Dockerfile.backend", "FROM ${PYTHON_IMAGE}\n", f"FROM ${{PYTHON_IMAGE}}\n{step}\n")
    log = tmp_path / "printed"
    command = (sys.executable, "-m", "deploy", "build", "backend")
    with started(*command, cwd=checkout.directory, log=log) as process:
        steps = checkout.artifacts.path("backend", LOG)
        wait_while(process, log, lambda: steps.exists() and "\n   the long step has begun" in steps.read_text())
        children = offspring(process.pid)
        assert children, "a build has a process of its own"
        interrupt(process, number, BUILD_ENDS_WITHIN, log)
        assert not children & parents().keys(), "a process of the build outlived it"
    until("the end of the step on the engine", lambda: not sleeping(), 20.0)
    assert not checkout.artifacts.path("backend", BUILD).exists()
    assert not images.client.images.list(checkout.name("backend"))
    assert images.left_by(process.pid) == []


@SIGNALS
def test_a_verification_that_is_interrupted_leaves_nothing_on_the_engine(
    number: int, images: Images, tmp_path: Path
) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    log = tmp_path / "printed"
    places = ("--artifacts", str(artifacts.root), "--contract", str(CONTRACT_FILE))
    command = (sys.executable, "-m", "verify", "backend", "worker-cpu", *places)
    with started(*command, cwd=artifacts.root, log=log) as process:
        wait_while(process, log, lambda: images.left_by(process.pid))
        interrupt(process, number, VERIFY_ENDS_WITHIN, log)
        assert images.left_by(process.pid) == []
        assert not offspring(process.pid)
    assert not artifacts.path("backend", "verdict.json").exists()
