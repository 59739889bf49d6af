"""Runs one command after another and tells what each took: the clock, the whole machine's CPU, the most memory."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checkout import ROOT
from bench.model import Series
from deploy.errors import Problem

SECONDS = 1800.0  # one command's deadline
TICKS = os.sysconf("SC_CLK_TCK")
OFTEN = 0.01  # seconds between two looks at a process
SHOWN = 2000  # characters of what a failed command printed


@dataclass(frozen=True)
class Sample:
    """One command's cost. ``peak_bytes``: of its own process, without its children and containers."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int

    def __add__(self, other: "Sample") -> "Sample":
        """Return the cost of both, one after the other."""
        return Sample(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


def busy_seconds() -> float:
    """Return the CPU seconds that this machine was busy since it started (proc(5), /proc/stat)."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def run(
    command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> Sample:
    """Run a command to its end.

    Raises:
        Problem: it ended otherwise than it should, or not in time.

    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        cpu, began = busy_seconds(), time.monotonic()
        with subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
        ) as process:
            code, peak = _wait(process, began + SECONDS)
        sample = Sample(time.monotonic() - began, busy_seconds() - cpu, peak)
        if code not in codes:
            printed.seek(0)
            wrong = f"it ended with {code}: {printed.read()[-SHOWN:]}"
            raise Problem(f"measuring {' '.join(command[:6])}", wrong, "see what it printed")
    return sample


def _wait(process: "subprocess.Popen[bytes]", end: float) -> tuple[int | None, int]:
    """Wait for a process, killing it at the end of its time; returns its exit code and its peak memory in bytes."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak_bytes(process.pid))
        if time.monotonic() > end:
            process.kill()
        time.sleep(OFTEN)
    return process.returncode, peak


def _peak_bytes(pid: int) -> int:
    """Return the most memory that was resident so far (proc(5), VmHWM); getrusage(2) would count its parent's too."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0


def alternate(rounds: int, *contenders: tuple[str, Callable[[], Sample]]) -> list[Series]:
    """Measure contenders in turn, so that whatever else the machine does hits all of them; one series each."""
    samples: list[list[Sample]] = [[] for _ in contenders]
    for number in range(rounds):
        order = list(zip(contenders, samples, strict=True))
        for (_, measure), seen in order if number % 2 == 0 else reversed(order):
            seen.append(measure())
    return [series(what, seen) for (what, _), seen in zip(contenders, samples, strict=True)]


def series(what: str, samples: Sequence[Sample]) -> Series:
    """Return the seconds of samples."""
    return Series(
        what=what,
        values=[round(sample.seconds, 3) for sample in samples],
        cpu_seconds=[round(sample.cpu_seconds, 2) for sample in samples],
    )
