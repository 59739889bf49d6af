"""One way of being interrupted: SIGTERM and a terminal that closes act like Ctrl-C, and nothing disturbs the end."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from deploy.errors import Exit

LIKE_CTRL_C = (signal.SIGTERM, signal.SIGHUP)
SIGNALS = (*LIKE_CTRL_C, signal.SIGINT)


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
def accepted() -> Iterator[None]:
    """Let SIGTERM and SIGHUP act like Ctrl-C for a while; nothing changes outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in LIKE_CTRL_C}
    accept()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupted() -> Exit:
    """Say so and return the exit code; no further signal can change it, not even while the interpreter ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("interrupted", file=sys.stderr)
    return Exit.INTERRUPTED
