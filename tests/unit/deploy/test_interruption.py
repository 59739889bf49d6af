"""Ctrl-C, SIGTERM and a closed terminal end a command in one way, however often and however late they come."""

import signal
import subprocess
import sys

import pytest

from deploy import interruption
from deploy.errors import Exit

NUMBERS = pytest.mark.parametrize("number", interruption.SIGNALS, ids=lambda number: number.name)
PROGRAM = """
import os, signal, sys
from deploy import interruption

class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=int(sys.argv[1])):
        kill(pid, number)

late = Late()
interruption.accept()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except KeyboardInterrupt:
    sys.exit(interruption.interrupted())
"""


@NUMBERS
def test_a_signal_ends_a_command_with_one_word_also_when_another_comes_while_the_interpreter_ends(
    number: signal.Signals,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(number.value)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr) == (Exit.INTERRUPTED, "interrupted\n")


def test_what_was_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[signal.Signals] = []
    monkeypatch.setattr(
        signal, "getsignal", lambda number: signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL
    )
    monkeypatch.setattr(signal, "signal", lambda number, _handler: handled.append(number))
    interruption.accept()
    assert handled == [signal.SIGTERM]


def test_sigterm_interrupts_where_a_shell_in_the_background_ignores_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt):
        interruption.interrupt(signal.SIGTERM, None)
