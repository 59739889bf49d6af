"""Ctrl-C, SIGTERM and a closed terminal end a command in one way, however often and however late they come."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import signals
from deploy.errors import Exit
from tests.support.checkout import ROOT
from tests.support.signals import HEEDING

NUMBERS = pytest.mark.parametrize("number", signals.SIGNALS, ids=lambda number: number.name)
PROGRAM = """
import os, signal, sys
from deploy import signals

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=int(sys.argv[1])):
        kill(pid, number)

late = Late()
signals.accept()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    sys.exit(signals.interrupted())
"""


@NUMBERS
def test_a_signal_ends_a_command_with_one_word_also_when_another_comes_while_the_interpreter_ends(
    number: signal.Signals,
) -> None:
    ended = subprocess.run(
        [*HEEDING, sys.executable, "-c", PROGRAM, str(number.value)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (Exit.INTERRUPTED, "interrupted\n")


def ended(source: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run this as the main function of a program."""
    text = f"import os, sys\nfrom deploy import signals\ndef main():\n    {source}\n    return 0\n"
    text += "sys.exit(signals.program(main))"
    return subprocess.run(
        [sys.executable, "-c", text], stderr=subprocess.PIPE, text=True, timeout=30, check=False, **options
    )


ON_A_SCREEN = "signals.Screen().print('x')"


@pytest.mark.parametrize(
    "printed", ["print('x')", "print('x' * 10**6)", ON_A_SCREEN], ids=["at the end", "at once", "on a screen"]
)
def test_a_reader_that_has_left_ends_a_command_without_a_traceback_and_with_a_code_of_its_own(printed: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        found = ended(printed, stdout=output)
    assert (found.returncode, found.stderr) == (141, "")


@pytest.mark.parametrize("printed", ["print('x')", "print('x' * 10**6)"], ids=["at the end", "at once"])
def test_output_for_which_there_is_no_room_is_told(printed: str) -> None:
    with Path("/dev/full").open("wb") as output:
        found = ended(printed, stdout=output)
    assert (found.returncode, found.stderr) == (Exit.UNAVAILABLE, "writing the output: No space left on device\n")


def test_any_other_error_of_the_system_is_a_fault_that_is_shown() -> None:
    assert "FileNotFoundError" in ended("open('/nowhere')", stdout=subprocess.DEVNULL).stderr


def test_what_was_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[signal.Signals] = []
    monkeypatch.setattr(
        signal, "getsignal", lambda number: signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL
    )
    monkeypatch.setattr(signal, "signal", lambda number, _handler: handled.append(number))
    signals.accept()
    assert handled == [signal.SIGTERM]


def test_sigterm_interrupts_where_a_shell_in_the_background_ignores_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt):
        signals.interrupt(signal.SIGTERM, None)


IGNORING = "trap '' INT HUP; exec \"$@\""  # as nohup, or a shell that starts a job in the background
HEEDS = """
import signal, sys
from deploy import signals

def main():
    print("working", flush=True)
    signal.pause()

try:
    signals.program(main)
except KeyboardInterrupt:
    sys.exit(signals.interrupted())
"""


def test_a_command_that_ignores_ctrl_c_from_its_start_still_heeds_sigterm_and_only_that() -> None:
    command = ["sh", "-c", IGNORING, "sh", sys.executable, "-c", HEEDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # one that is ignored ends nothing
            process.send_signal(number)
        _printed, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (Exit.INTERRUPTED, "interrupted\n")


def test_the_tests_of_signals_pass_where_ctrl_c_is_ignored() -> None:
    here = Path(__file__)
    files = [str(here), str(here.parent / "engine" / "test_runs.py")]
    options = ["-q", "-p", "no:cacheprovider", "-k", "not where_ctrl_c_is_ignored"]
    command = ["sh", "-c", IGNORING, "sh", sys.executable, "-m", "pytest", *options, *files]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout
