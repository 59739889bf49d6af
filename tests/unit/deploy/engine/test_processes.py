"""A process is asked to end before it is killed, and what is left of its group goes with it."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.engine import processes
from tests.support.builds import ended

PATIENT, BRIEF = 20.0, 0.2  # seconds


@contextmanager
def running(script: str) -> Iterator["subprocess.Popen[str]"]:
    """A shell that leads a process group, once it has said that it is ready."""
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize("group", [False, True])
def test_a_process_that_listens_ends_by_itself(*, group: bool) -> None:
    with running("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done") as process:
        assert said(process) == "ready"
        processes.end(process.pid, PATIENT, PATIENT, group=group)
        assert process.wait(PATIENT) == 7


@pytest.mark.parametrize("group", [False, True])
def test_one_that_does_not_listen_is_killed(*, group: bool) -> None:
    with running("trap '' TERM; echo ready; while :; do sleep 0.05; done") as process:
        assert said(process) == "ready"
        processes.end(process.pid, BRIEF, PATIENT, group=group)
        assert process.wait(PATIENT) == -signal.SIGKILL


def test_what_is_left_of_a_group_goes_with_its_leader() -> None:
    with running("(trap '' TERM; sleep 60 >/dev/null) & echo $!; exec >/dev/null; wait") as process:
        child = int(said(process))
        processes.end(process.pid, PATIENT, PATIENT, group=True)
        assert process.wait(PATIENT) == -signal.SIGTERM
        assert ended(child)


def test_a_process_that_has_ended_already_is_left_to_whoever_waits_for_it() -> None:
    with running("exit 3") as process:
        process.wait(PATIENT)
        processes.end(process.pid, PATIENT, PATIENT, group=True)
        assert process.returncode == 3
