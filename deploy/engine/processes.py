"""Processes by id and start time: an id that was given to another process is never mistaken for the old one.

Why not psutil: it is a compiled wheel, and what is needed here is a few files of /proc and a pidfd. Where the kernel
has neither (macOS), `ps` is asked, and a process is looked for before each signal.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PIDFD = hasattr(os, "pidfd_open")
ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A process: `started` is its start, which together with the id names it for good.

    It is in clock ticks since boot; where `ps` tells it, in seconds since 1970.
    """

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
        if not PIDFD:
            return self._end_by_number(polite, rude, group=group)
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

    def _end_by_number(self, polite: float, rude: float, *, group: bool) -> bool:
        for number, seconds in ((signal.SIGTERM, polite), (signal.SIGKILL, rude)):
            if not self.lives:
                return True
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if group and os.getpgid(self.pid) == self.pid else os.kill)(self.pid, number)
            if not wait_until_gone([self], seconds):
                return True
        return not self.lives

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
    state, started = read_stat(_read(PROC / str(pid) / "stat")) if PROC.is_dir() else read_ps(_ask_ps(pid))
    return Process(pid, started) if state and state not in "ZX" else None


def read_stat(text: str) -> tuple[str, int]:
    """Read state and start time from /proc/PID/stat, whose second field may hold anything; ("", 0) when empty."""
    fields = text.rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("", 0)  # noqa: PLR2004  proc(5): 22nd, less two


def read_ps(text: str) -> tuple[str, int]:
    """Read state and start, in seconds since 1970, from what `ps -o stat= -o lstart=` prints; ("", 0) for nothing."""
    state, _, started = text.strip().partition(" ")
    return (state[:1], int(time.mktime(time.strptime(started.strip())))) if started else ("", 0)


def _ask_ps(pid: int) -> str:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    english = {**os.environ, "LC_ALL": "C"}
    try:
        asked = subprocess.run(command, env=english, capture_output=True, text=True, check=False, timeout=ASK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout


def command_name(pid: int) -> str:
    """Return the name of the process's program, empty when there is no such process."""
    return _read(PROC / str(pid) / "comm").strip() if find(pid) else ""


def named(program: str) -> set[Process]:
    """Return the processes whose program has this name; none where there is no /proc, and no dockerd either."""
    return {process for pid in _pids() if command_name(pid) == program and (process := find(pid))}


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Give the id and arguments of every process."""
    for pid in _pids():
        if text := _read(PROC / str(pid) / "cmdline"):
            yield pid, text.rstrip("\0").split("\0")


def _pids() -> list[int]:
    return [int(path.name) for path in PROC.iterdir() if path.name.isdigit()] if PROC.is_dir() else []


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
