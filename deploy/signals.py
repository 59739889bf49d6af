"""How a command ends when it is interrupted or its reader has left: always the same way, with an exit code of its own.

SIGTERM and a closed terminal act like Ctrl-C, and nothing disturbs the end.
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
UNREAD = 128 + signal.SIGPIPE  # a shell's code for a program whose reader has left
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Screen(Console):
    """A console without markup that raises an error when its reader has left, as any other file does."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False)

    def on_broken_pipe(self) -> NoReturn:
        """Raise BrokenPipeError, where Rich would end the program with 1."""
        raise BrokenPipeError


def program(main: Callable[[], int]) -> int:
    """Run a command as a program; returns its exit code, also where its output cannot be written."""
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
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # text still in the buffer would become an error at the very end
    return code


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal as Ctrl-C is handled at this moment."""
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
    """Let a signal raise KeyboardInterrupt, and let `answer` reply to those that come in the ``seconds`` after it.

    Yields a function that has a signal's effect without the exception: from then on nothing is disturbed. All of this
    holds in the main thread only. A signal that is ignored stays ignored.
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
    """Print that and return the exit code; no further signal can change it, even while the interpreter ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("interrupted", file=sys.stderr)
    return Exit.INTERRUPTED
