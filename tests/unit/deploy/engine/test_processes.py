"""A process is asked to end before it is killed, and what is left of its group goes with it."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.engine import processes
from tests.support.builds import ended

PATIENT, BRIEF = 20.0, 0.2  # seconds


@pytest.fixture(params=["with /proc and pidfd", "as on a Mac"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without what only Linux has: the system's own `ps` is asked."""
    if request.param == "as on a Mac":
        monkeypatch.setattr(processes, "PROC", Path("/nonexistent"))
        monkeypatch.setattr(processes, "PIDFD", False)


everywhere = pytest.mark.usefixtures("kernel")


@contextmanager
def running(script: str) -> Iterator["subprocess.Popen[str]"]:
    """A shell that leads a process group, once it has said that it is ready."""
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@everywhere
@pytest.mark.parametrize("group", [False, True])
def test_a_process_that_listens_ends_by_itself(*, group: bool) -> None:
    with running("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done") as process:
        assert said(process) == "ready"
        processes.end(process.pid, PATIENT, PATIENT, group=group)
        assert process.wait(PATIENT) == 7


@everywhere
@pytest.mark.parametrize("group", [False, True])
def test_one_that_does_not_listen_is_killed(*, group: bool) -> None:
    with running("trap '' TERM; echo ready; while :; do sleep 0.05; done") as process:
        assert said(process) == "ready"
        processes.end(process.pid, BRIEF, PATIENT, group=group)
        assert process.wait(PATIENT) == -signal.SIGKILL


@everywhere
def test_what_is_left_of_a_group_goes_with_its_leader() -> None:
    with running("(trap '' TERM; sleep 60 >/dev/null) & echo $!; exec >/dev/null; wait") as process:
        child = int(said(process))
        processes.end(process.pid, PATIENT, PATIENT, group=True)
        assert process.wait(PATIENT) == -signal.SIGTERM
        assert ended(child)


@everywhere
def test_a_process_that_has_ended_already_is_left_to_whoever_waits_for_it() -> None:
    with running("exit 3") as process:
        process.wait(PATIENT)
        processes.end(process.pid, PATIENT, PATIENT, group=True)
        assert process.returncode == 3


@everywhere
def test_a_process_is_known_by_its_number_and_its_start() -> None:
    with running("echo ready; exec sleep 60") as process:
        said(process)
        found = processes.find(process.pid)
        assert found
        assert found.lives
        assert not processes.Process(process.pid, found.started - 5).lives
        process.kill()
        process.wait(PATIENT)
        assert not found.lives
        assert processes.find(process.pid) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ss   Tue Dec  1 13:52:12 2026\n", "S"),
        ("Z+ Sun Jan 11 00:00:00 2026", "Z"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_ps_tells_state_and_start(text: str, read: str) -> None:
    state, started = processes.read_ps(text)
    assert state == read
    assert (started > 0) == bool(read)


def test_where_there_is_no_proc_no_engine_of_ours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", Path("/nonexistent"))
    assert processes.named("dockerd") == set()
    assert list(processes.command_lines()) == []
