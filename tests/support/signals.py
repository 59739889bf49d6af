"""Signals as a terminal gives them, also where whatever started pytest lets it ignore some: `&` in a shell, nohup."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

# In front of a command: what is ignored here would stay ignored in a process that a test starts
HEEDING = ("env", "--default-signal=INT,TERM,HUP")
_HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Let this process heed Ctrl-C, SIGTERM and a closed terminal, as one does that a terminal has started."""
    before = {number: signal.signal(number, handler) for number, handler in _HANDLERS.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
