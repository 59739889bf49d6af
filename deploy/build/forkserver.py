"""Processes of builds, forked from one that has imported what they need: four builds pay for one import of it.

The output of such a process, and of all that it starts, goes to a socket. The process leads a process group. When the
other end of the socket closes, for whatever reason, the whole group is killed.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from deploy.errors import Problem

if TYPE_CHECKING:
    from deploy.build.messages import BuildRequest

_CONTEXT = multiprocessing.get_context("forkserver")
_CTRL_C = {signal.SIGINT}
NEXT_STEP = "see how many processes this user may have (ulimit -u), and what memory is free; then build again"


@contextlib.contextmanager
def opened() -> Iterator[None]:
    """Start the fork server, which imports what builds need; it has ended when this context ends.

    Raises:
        Problem: it cannot be started.

    """
    _prepare()
    try:
        yield
    finally:  # they would end by themselves, but a moment after this process
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001
        resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # noqa: SLF001


def _prepare() -> None:
    """Start the fork server if it does not run; returns at once.

    Raises:
        Problem: it cannot be started: no room for its socket, or for another process.

    """
    _CONTEXT.set_forkserver_preload(["deploy.build.worker"])
    # Inherited: a terminal's Ctrl-C is for the command alone
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _CTRL_C)
    try:
        forkserver.ensure_running()
    except OSError as error:
        raise Problem("starting the builds' processes", str(error), "TMPDIR names where their socket lies") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(
    work: Callable[[], int], environment: Mapping[str, str], directory: Path
) -> tuple[BaseProcess, socket.socket]:
    """Start a process that does this work in this environment and directory; returns it, and our end of its socket.

    ``work`` is pickled. Its result is the process's exit code.

    Raises:
        Problem: it cannot be started.

    """
    _prepare()
    ours, theirs = socket.socketpair()
    with theirs:
        process = _CONTEXT.Process(target=_live, args=(work, dict(environment), directory, theirs))
        try:
            process.start()
        except (OSError, EOFError) as error:  # no room for it, or the process that it is forked from has ended
            ours.close()
            raise Problem("starting a build's process", str(error) or type(error).__name__, NEXT_STEP) from None
    return process, ours


def build_one(request: "BuildRequest") -> int:
    """Carry out a build's request (deploy.build.worker); the command's own process never imports that module."""
    from deploy.build import worker as program  # noqa: PLC0415 - the process that this one was forked from has it

    return program.build(request)


def _live(work: Callable[[], int], environment: dict[str, str], directory: Path, said: socket.socket) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CTRL_C)
    said.set_inheritable(False)  # what this process starts holds no more of it than its output
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    threading.Thread(target=_end_with_parent, args=(said,), daemon=True).start()
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(work())


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)  # by way of what cleans up


def _end_with_parent(said: socket.socket) -> None:
    said.recv(1)  # nothing is ever sent: it returns when the other end has closed
    os.killpg(0, signal.SIGKILL)
