"""The registry of a measurement: asked without a proxy, seen to end, ended in any case."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from deploy.errors import Problem

SERVES = """#!{python}
import http.server, pathlib, re, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

if {deaf}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
port = re.search(r'127.0.0.1:(\\d+)', pathlib.Path(sys.argv[2]).read_text())[1]
http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What runs in place of Debian's registry."""
    path = tmp_path / "program"
    path.touch(mode=0o755)
    monkeypatch.setattr(registry, "unpacked", lambda _place: path)
    return path


def test_a_registry_is_asked_without_the_host_s_proxy(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program.write_text(SERVES.format(python=sys.executable, deaf=False), encoding="utf-8")
    monkeypatch.setattr(registry, "SECONDS", 20.0)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with registry.registry(tmp_path) as one:
        assert one.held_bytes() == 0


def test_a_registry_that_ends_is_told_at_once_with_its_last_words(program: Path, tmp_path: Path) -> None:
    program.write_text("#!/bin/sh\necho address in use >&2\nexit 3\n", encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(Problem, match="it ended with 3: address in use"), registry.registry(tmp_path):
        pass
    assert time.monotonic() - began < registry.SECONDS / 2


def test_a_registry_that_does_not_end_when_asked_is_killed(
    program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program.write_text(SERVES.format(python=sys.executable, deaf=True), encoding="utf-8")
    monkeypatch.setattr(registry, "STOPPING", 0.2)
    started: list[subprocess.Popen[bytes]] = []

    class Seen(subprocess.Popen[bytes]):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Seen)
    with registry.registry(tmp_path):
        pass
    assert [process.returncode for process in started] == [-signal.SIGKILL]
