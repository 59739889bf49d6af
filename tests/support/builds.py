"""Builds without an engine: a stand-in for the program that builds one image, which says what a test wants said."""

import base64
import io
import json
import os
import signal
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import Artifacts
from deploy.base.image import BaseImage
from deploy.build import forkserver, roles
from deploy.build.host_settings import Settings
from deploy.build.messages import BuildRequest, Built, Failed, Line
from deploy.engine.connection import Engine
from deploy.errors import Exit
from deploy.image_config import ImageConfig
from tests.support.checkout import project_with
from tests.support.player import play
from verify.observe.disclosure import masked

ENGINE = Engine(
    "unix:///s", "e", "26.1", "1.45", "overlay2", "0.13.1", "2.26.1", "/usr/bin/docker", root="/var/lib/docker"
)
BASE = BaseImage(
    "python:3.11-slim-bookworm",
    "local",
    ImageConfig(
        image_id="sha256:b",
        identity="sha256:y",
        layers=("sha256:base",),
        environment={"LANG": "C.UTF-8", "API_TOKEN": "hunter2-correct-horse"},
        labels={"maker": "the base's"},
    ),
)
PLAIN = Settings({}, {"uv": "/uv"}, [], {}, None, ())
RUN = "[stage-1 2/2] RUN sh /mnt/sync.sh"
BUILT = Built(image_id="sha256:i", identity="sha256:y", layers=["sha256:base", "sha256:l"])


def said(message: Line | Built | Failed) -> str:
    return message.model_dump_json()


def step(name: str = RUN, *, text: str = "", error: str = "", cached: bool = False, ended: bool = True) -> str:
    """The message that a step ran, printed this and ended so."""
    times = {"started": "2026-11-21T10:00:00Z"} | ({"completed": "2026-11-21T10:00:02Z"} if ended else {})
    vertex = {"digest": name, "name": name, "error": error, "cached": cached, **times}
    logs = [{"vertex": name, "data": base64.b64encode(text.encode()).decode()}] if text else []
    return said(Line(text=json.dumps({"vertexes": [vertex], "logs": logs}) + "\n"))


GOOD = [
    step("[stage-1 1/2] RUN one", cached=True),
    step(text="Installed 5\n"),
    step("exporting to image"),
    said(BUILT),
]


class Stage:
    """A directory with artifacts and a stand-in for the program that plays each role's part."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.artifacts, self.screen = tmp_path, Artifacts(tmp_path / "artifacts"), io.StringIO()
        self.settings = PLAIN
        self.silence = ""  # of the engine, once something went wrong
        monkeypatch.setattr(forkserver, "build_one", partial(play, tmp_path))
        monkeypatch.setattr(roles, "GRACE", 0.5)
        monkeypatch.setattr(roles, "silence", lambda _engine: self.silence)
        monkeypatch.setattr(roles, "ensure_base", lambda *_arguments, **_platform: BASE)
        monkeypatch.setattr(roles, "host_settings", lambda *_, **_program: self.settings)

    def plays(self, role: str, messages: Iterable[str], then: str = "exit 0") -> None:
        """Let a role's process print these lines, then run this shell script."""
        (self.path / f"{role}.says").write_text("".join(f"{line}\n" for line in messages), encoding="utf-8")
        (self.path / f"{role}.then").write_text(then, encoding="utf-8")

    def build(self, *names: str) -> Exit:
        console = Console(file=self.screen, width=200, highlight=False)
        return roles.build(project_with(self.artifacts), list(names), ENGINE, console, mask=masked)

    @property
    def shown(self) -> str:
        """All that was printed."""
        return self.screen.getvalue()

    def request(self, role: str) -> BuildRequest:
        """What the role's process was asked to build."""
        return BuildRequest.model_validate_json((self.path / f"{role}.request").read_text(encoding="utf-8"))

    def log(self, role: str) -> str:
        return self.artifacts.path(role, "build.log").read_text(encoding="utf-8")

    def wrote(self, name: str) -> bool:
        """Whether a process has written its id into this file."""
        path = self.path / name
        return path.exists() and bool(path.read_text(encoding="utf-8"))

    def ended(self, name: str) -> bool:
        """Whether the process that wrote its id into this file is gone."""
        return ended(int((self.path / name).read_text(encoding="utf-8")))


def ended(pid: int) -> bool:
    """Whether a process is gone, or has ended and only waits to be noticed; waits a moment for it."""
    for _ in range(40):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False
