"""Processes by id and start time: an id that was given to another process is never mistaken for the old one.

Why not psutil: it is a compiled wheel, and what is needed here is a few files of /proc and a pidfd.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process: `started` is its start in clock ticks since boot, which together with the id names it for good."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        """Whether it still runs; a process that ended and waits for its parent to notice does not."""
        return find(self.pid) == self

    def end(self, polite: float, rude: float, *, group: bool = False) -> bool:
        """Ask it to end, wait `polite` seconds, kill it, wait `rude` seconds. Whether it is gone.

        With `group` the whole process group that it leads is asked, and killed.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            for number, seconds in ((signal.SIGTERM, polite), (signal.SIGKILL, rude)):
                if not self.lives:  # asked while the descriptor is held, so that no other process can be meant
                    return True
                with contextlib.suppress(ProcessLookupError):
                    self._send(descriptor, number, group=group)
                if select.select([descriptor], [], [], seconds)[0]:
                    return True
            return not self.lives
        finally:
            os.close(descriptor)

    def _send(self, descriptor: int, number: signal.Signals, *, group: bool) -> None:
        if group:
            with contextlib.suppress(ProcessLookupError):  # it leads none yet
                os.killpg(self.pid, number)
                return
        signal.pidfd_send_signal(descriptor, number)


def end(pid: int, polite: float, rude: float, *, group: bool = False) -> None:
    """End a process that was started here, as `Process.end` does; with `group` what is left of its group is killed.

    Its exit code is still there for whoever waits for it.
    """
    if process := find(pid):
        process.end(polite, rude, group=group)
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def find(pid: int) -> Process | None:
    """Return the process that has this id now, or None."""
    state, started = read_stat(_read(PROC / str(pid) / "stat"))
    return Process(pid, started) if state and state not in "ZX" else None


def read_stat(text: str) -> tuple[str, int]:
    """Read state and start time from /proc/PID/stat, whose second field may hold anything; ("", 0) when empty."""
    fields = text.rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("", 0)  # noqa: PLR2004  proc(5): 22nd, less two


def command_name(pid: int) -> str:
    """Return the name of the process's program, empty when there is no such process."""
    return _read(PROC / str(pid) / "comm").strip() if find(pid) else ""


def named(program: str) -> set[Process]:
    """Return the processes whose program has this name."""
    pids = [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]
    return {process for pid in pids if command_name(pid) == program and (process := find(pid))}


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Give the id and arguments of every process."""
    for path in PROC.iterdir():
        if path.name.isdigit() and (text := _read(path / "cmdline")):
            yield int(path.name), text.rstrip("\0").split("\0")


def boot_id() -> str:
    """Return this boot's id: start times of another boot mean nothing."""
    return _read(PROC / "sys/kernel/random/boot_id").strip()


def wait_until_gone(processes: list[Process], seconds: float) -> list[Process]:
    """Wait until all of them are gone, at most `seconds`; returns those that are not."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if process.lives]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
