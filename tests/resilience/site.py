"""A checkout with one more role, tiny, that a test spoils or makes wait; its commands run on an engine of their own."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.copies import copy_tree
from deploy.artifacts import Artifacts
from tests.integration.conftest import Ended
from tests.support.signals import HEEDING
from tests.support.waiting import until

TINY = "tiny"
TABLE = """
[images.tiny]
name = "ktrdr-try-tiny:1"
dockerfile = "deploy/docker/Dockerfile.tiny"
description = "A shell, for what happens while it is built"
torch_expected = false
cuda_expected = "n/a"
added_at_most = "100 MB"
total_at_most = "200 MB"
limits = {processors = 1, memory = "512 MB", processes = 256, open_files = 4096}
health = "http://127.0.0.1:8000/health"
configuration = {ports = ["8000/tcp"]}
"""
# An accident asks nothing of what a server imports late: it is not waited for.
UNHURRIED, HURRIED = "late_import_seconds = 5\n", "late_import_seconds = 2\n"
# Seconds that stand in for those of the pipeline, so that a deadline strikes while a test waits for it.
IMPATIENT = {
    "deploy.build.roles.LISTEN": 1.0,
    "deploy.engine.connection.ANSWER_SECONDS": 2.0,
    "deploy.engine.runs.REQUEST_SECONDS": 2.0,
    "verify.observe.containers.ANSWER": 3.0,
    "verify.observe.containers.PATIENCE": 1.0,
}


@dataclass
class Site:
    """Where commands run: a checkout, artifacts of their own, and the environment that names the engine."""

    checkout: Path
    artifacts: Artifacts
    environment: dict[str, str] = field(default_factory=dict)

    def elsewhere(self, folder: Path) -> "Site":
        """Return the same with the artifacts in another directory."""
        return Site(self.checkout, Artifacts(folder), self.environment)

    def write(self, *steps: str) -> None:
        """Make the tiny role's Dockerfile of these instructions."""
        lines = ["ARG PYTHON_IMAGE", "FROM ${PYTHON_IMAGE}", *steps]
        text = "".join(f"{line}\n" for line in lines)
        (self.checkout / "deploy" / "docker" / "Dockerfile.tiny").write_text(text, encoding="utf-8")

    def begin(
        self,
        module: str,
        *words: str,
        before: str = "",
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> "Command":
        """Start ``python -m deploy`` or ``python -m verify``, impatient; ``before`` is Python that runs first."""
        patches = "".join(f"import {name.rpartition('.')[0]}\n{name} = {value}\n" for name, value in IMPATIENT.items())
        script = f"import sys\nfrom deploy import signals\n{patches}{before}\nfrom {module}.__main__ import main\n"
        script += "signals.accept()\nsys.exit(main())\n"
        options = ("--artifacts", str(self.artifacts.root))
        log = self.artifacts.root.parent / f"{module}-{time.monotonic_ns()}.printed"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*HEEDING, *prefix, sys.executable, "-c", script, *words, *options],
                cwd=self.checkout,
                env={**os.environ, **self.environment, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Command([f"python -m {module}", *words], process, log)

    def build(self, *words: str, before: str = "", env: Mapping[str, str] | None = None) -> "Command":
        return self.begin("deploy", "build", *(words or (TINY,)), before=before, env=env)

    def verify(self, *words: str, before: str = "", env: Mapping[str, str] | None = None) -> "Command":
        return self.begin("verify", *(words or ("backend",)), before=before, env=env)

    def log(self, role: str = TINY) -> str:
        """The build's log, as far as it is written."""
        path = self.artifacts.path(role, "build.log")
        return path.read_text(encoding="utf-8") if path.exists() else ""


@dataclass
class Command:
    """A command that runs in a session of its own."""

    words: list[str]
    process: "subprocess.Popen[bytes]"
    path: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def printed(self) -> str:
        return self.path.read_text(encoding="utf-8", errors="replace")

    def reaches(self, what: str, condition: object) -> None:
        """Wait until a condition holds; fails at once when the command ends before."""
        assert callable(condition)
        until(what, lambda: condition() or self.process.poll() is not None, 180.0)
        assert self.process.poll() is None, f"it ended before {what}:\n{self.printed[-3000:]}"

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self, within: float = 120.0) -> Ended:
        """Wait for the end; past the deadline the whole session is killed, and the test fails."""
        try:
            code = self.process.wait(max(0.1, within - (time.monotonic() - self.began)))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            pytest.fail(
                f"{' '.join(self.words)} did not end within {within:.0f} s:\n{self.printed[-3000:]}", pytrace=False
            )
        return Ended(self.words, code, self.printed, self.process.pid)


def make_site(folder: Path) -> Site:
    """Copy this working tree, and give its contract one more role and names of its own: other tests' tags stay."""
    checkout = folder / "checkout"
    copy_tree(checkout)
    contract = checkout / "deploy" / "docker" / "images.toml"
    text = contract.read_text(encoding="utf-8")
    assert UNHURRIED in text
    own = text.replace('name = "ktrdr-', f'name = "ktrdr-try-{uuid.uuid4().hex[:8]}-').replace(UNHURRIED, HURRIED)
    contract.write_text(own + TABLE, encoding="utf-8")
    made = Site(checkout, Artifacts(folder / "artifacts"), {"XDG_STATE_HOME": str(folder)})
    made.write("RUN true")
    return made


def told(ended: Ended, code: int, *words: str) -> None:
    """Check that a command ended with this code, without a traceback, and said these words."""
    assert ended.code == code, ended
    assert "Traceback" not in ended.printed, ended
    for word in words:
        assert word in ended.printed, f"{word!r} is not said: {ended}"
