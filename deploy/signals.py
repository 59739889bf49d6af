"""How a command ends that is interrupted, or whose output nobody takes: in one way, with a code of its own.

SIGTERM and a terminal that closes act like Ctrl-C, and nothing disturbs the end.
"""

import contextlib
import errno
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from rich.console import Console

from deploy.errors import Exit

LIKE_CTRL_C = (signal.SIGTERM, signal.SIGHUP)
SIGNALS = (*LIKE_CTRL_C, signal.SIGINT)
UNREAD = 128 + signal.SIGPIPE  # the code of a program whose reader has left, as a shell tells it
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Screen(Console):
    """A console that takes no markup; where its reader has left, this is an error as it is for any other file."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False)

    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, where Rich would end the program with 1."""
        raise BrokenPipeError


def program(main: Callable[[], int]) -> int:
    """Run a command as a program of its own; returns its exit code, also where what it prints cannot be written."""
    accept()
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"writing the output: {error.strerror}", file=sys.stderr)
        code = Exit.UNAVAILABLE
    else:
        return code
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still held back would be told as an error at the very end
    return code


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C is handled here and now."""
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)
    else:  # a shell that starts a job in the background lets it ignore Ctrl-C
        raise KeyboardInterrupt


def accept() -> None:
    """Let SIGTERM and SIGHUP act like Ctrl-C until the program ends; what was ignored before (nohup) stays ignored."""
    for number in LIKE_CTRL_C:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)


@contextlib.contextmanager
def heeded_once(answer: Callable[[], None], seconds: float) -> Iterator[Callable[[], None]]:
    """Let a signal raise KeyboardInterrupt, and answer with a word those that come in the ``seconds`` after it.

    What is given away has the same effect as a signal, without the exception: from now on, nothing is disturbed. All of
    it holds in the main thread only; what is ignored stays ignored.
    """
    since = -math.inf

    def undisturbed() -> None:
        nonlocal since
        since = time.monotonic()

    def heed(_number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - since > seconds:
            undisturbed()
            raise KeyboardInterrupt
        with contextlib.suppress(RuntimeError):  # the same stream was in the middle of another word
            answer()

    if threading.current_thread() is not threading.main_thread():
        yield undisturbed
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, heed)
    try:
        yield undisturbed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def interrupted() -> Exit:
    """Say so and return the exit code; no further signal can change it, not even while the interpreter ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("interrupted", file=sys.stderr)
    return Exit.INTERRUPTED
