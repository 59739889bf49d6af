"""Runs the probes' real sources as they run in an image: by the runner, in interpreters of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from verify.questions import source

SECONDS = 20.0


def probe(name: str, argument: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    """A question to one of the real probes."""
    return own(source(name), argument, seconds)


def own(text: str, argument: Any = None, seconds: float = SECONDS) -> dict[str, Any]:
    """A question to a probe that a test wrote."""
    return {"source": text, "argument": argument, "seconds": seconds}


def run(directory: Path, probes: dict[str, Any], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the runner in a directory, whose packages can be imported; nothing of this process's environment but PATH."""
    request = {"nonce": "n1", "probes": probes}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), **environ}
    return subprocess.run(
        [sys.executable, "-c", source("runner"), json.dumps(request)],
        cwd=directory, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


def results(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What became of each question."""
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["results"]
    return found


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
