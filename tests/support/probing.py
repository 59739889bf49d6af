"""Runs the probes' real sources as they run in an image: by the runner, in interpreters of their own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from verify.observe.requests import source

SECONDS = 20.0
FORK = """
import subprocess
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open("{name}.pid", "w").write(str(child.pid))
"""


def probe(name: str, argument: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    """A question to one of the real probes."""
    return own(source(name), argument, seconds)


def own(text: str, argument: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    """A question to a probe that a test wrote."""
    return {"source": text, "argument": argument, "seconds": seconds}


def begin(directory: Path, probes: dict[str, Any], **environ: str) -> "subprocess.Popen[str]":
    """Start the runner as run does, without waiting for it."""
    request = {"nonce": "n1", "probes": probes}
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", source("runner"), json.dumps(request)],
        cwd=directory, env={"PATH": "/usr/bin:/bin", "HOME": str(directory), **environ},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(directory: Path, probes: dict[str, Any], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the runner in a directory, whose packages can be imported; nothing of this process's environment but PATH."""
    process = begin(directory, probes, **environ)
    with process:
        try:
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    done.check_returncode()
    return done


def results(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What became of each question."""
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["results"]
    return found


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def there(path: Path) -> int:
    """Wait for a process's id in a file."""
    end = time.monotonic() + SECONDS
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"no process noted its id in {path}"
        time.sleep(0.02)
    return int(path.read_text())


def gone(path: Path) -> bool:
    """Whether the process whose id lies in this file has ended."""
    for _ in range(40):
        try:
            state = Path(f"/proc/{int(path.read_text())}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    os.kill(int(path.read_text()), 9)
    return False
