"""One build's process: it passes on what buildx prints, and never outlives whoever wanted the build."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from deploy.contract import ROOT
from deploy.engine import Engine
from tests.unit.deploy.builds import ENGINE, ended


@contextmanager
def building(directory: Path, script: str) -> Iterator["subprocess.Popen[str]"]:
    """The process, asked for a build with a stand-in for the docker command that runs this script."""
    command = directory / "docker"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{directory}/arguments\n{script}\n', encoding="utf-8")
    command.chmod(0o755)
    engine = replace(ENGINE, cli=str(command), endpoint=f"unix://{directory}/none.sock")
    request = {
        "engine": TypeAdapter(Engine).dump_json(engine).decode(),
        "base_layers": 1,
        "deadline": 5,
        "options": {"context_path": ".", "file": "Dockerfile", "tags": ["x:y"], "secrets": ["id=a,src=/a"]},
    }
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.build_one"], cwd=ROOT, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of a build that fails."""
    directory = tmp_path_factory.mktemp("build")
    with building(directory, """printf '%s\\n' '{"vertexes":[]}' 'ERROR: failed to solve' >&2\nexit 1""") as process:
        assert process.stdout
        told = [json.loads(line) for line in process.stdout]
        arguments = (directory / "arguments").read_text(encoding="utf-8").splitlines()
        return {"told": told, "code": process.wait(5), "arguments": arguments}


def test_what_buildx_prints_is_passed_on_line_by_line(failed: dict[str, Any]) -> None:
    assert [one["line"].rstrip() for one in failed["told"][:-1]] == ['{"vertexes":[]}', "ERROR: failed to solve"]


def test_a_build_that_fails_is_told_last(failed: dict[str, Any]) -> None:
    assert failed["told"][-1] == {"failed": "buildx ended with an error"}
    assert failed["code"] == 1


def test_buildx_is_asked_for_progress_that_a_program_can_read_and_to_load_the_image(failed: dict[str, Any]) -> None:
    words = {part for one in failed["arguments"] for part in (one, one.partition("=")[2])}
    assert {"buildx", "build", "rawjson", "--load", "--secret", "id=a,src=/a"} <= words


def test_the_build_ends_with_whoever_wanted_it(tmp_path: Path) -> None:
    with building(tmp_path, f"echo $$ >{tmp_path}/pid\nsleep 60") as process:
        for _ in range(200):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").stat().st_size:
                break
            time.sleep(0.05)
        assert process.stdin
        process.stdin.close()
        assert process.wait(5) == -signal.SIGKILL
        assert ended(int((tmp_path / "pid").read_text(encoding="utf-8")))
