"""The wait for a worker's registration, run as the backend's container runs it, and what is made for it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from bench.groups import starting
from bench.groups.starting import REGISTERED
from deploy.engine.runs import Run


def test_a_worker_that_never_registers_is_waited_for_no_longer_than_its_deadline() -> None:
    command = [sys.executable, "-c", REGISTERED.replace(":8000/", ":9/"), "0.2"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "no worker registered in 0.2 s\n"


def test_all_that_a_registration_is_measured_with_carries_its_run_s_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    ended: list[str] = []

    @contextlib.contextmanager
    def held(_engine: Any) -> Iterator[Run]:
        yield Run("r1", {"org.example.run": "r1"})
        ended.append("r1")

    def printed(_command: list[str]) -> str:
        return "2026-11-21T10:00:02Z"

    monkeypatch.setattr(starting, "new_run", held)
    monkeypatch.setattr(starting, "run", made.append)
    monkeypatch.setattr(starting, "_printed", printed)
    inspected = {"State": {"StartedAt": "2026-11-21T10:00:00Z"}}
    place: Any = SimpleNamespace(
        engine=None,
        docker=lambda *words: list(words),
        client=SimpleNamespace(api=SimpleNamespace(inspect_container=lambda _name: inspected)),
    )
    image: Any = SimpleNamespace(name="x:y")
    assert starting._registered(place, image, image) == 2.0
    assert [words[0] for words in made] == ["network", "run", "run"]
    assert all("--label=org.example.run=r1" in words for words in made)
    assert all(any("ktrdr-r1-bench" in word for word in words) for words in made)
    assert ended == ["r1"]
