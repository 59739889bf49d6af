"""One build's process: it passes on what buildx prints, and never outlives whoever wanted the build."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from deploy.build import forkserver
from deploy.build.messages import MESSAGE, BuildRequest, Failed, Options
from tests.support.builds import ENGINE, ended
from tests.support.checkout import ROOT
from tests.support.player import linger

OPTIONS = Options(
    context_path=".", file="Dockerfile", tags=["x:y"], build_args={}, build_contexts={}, platforms=["linux/amd64"],
    secrets=["id=a,src=/a"],
    cache_to={"type": "inline"},
)  # fmt: skip


@contextmanager
def building(directory: Path, script: str) -> Iterator[tuple[BaseProcess, socket.socket]]:
    """The process, asked for a build with a stand-in for the docker command that runs this script."""
    command = directory / "docker"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{directory}/arguments\n{script}\n', encoding="utf-8")
    command.chmod(0o755)
    engine = replace(ENGINE, cli=str(command), endpoint=f"unix://{directory}/none.sock")
    request = BuildRequest(engine=engine, options=OPTIONS)
    process, said = forkserver.start(partial(forkserver.build_one, request), os.environ, ROOT)
    with said:
        yield process, said
    process.join(5)
    assert process.exitcode is not None


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of a build that fails."""
    directory = tmp_path_factory.mktemp("build")
    with (
        building(directory, """printf '%s\\n' '{"vertexes":[]}' 'ERROR: failed to solve' >&2\nexit 1""") as (
            process,
            said,
        ),
        said.makefile() as lines,
    ):
        told = [MESSAGE.validate_json(line) for line in lines]
        process.join(5)
        arguments = (directory / "arguments").read_text(encoding="utf-8").splitlines()
        return {"told": told, "code": process.exitcode, "arguments": arguments}


def test_what_buildx_prints_is_passed_on_line_by_line(failed: dict[str, Any]) -> None:
    assert [line.text.rstrip() for line in failed["told"][:-1]] == ['{"vertexes":[]}', "ERROR: failed to solve"]


def test_a_build_that_fails_is_told_last(failed: dict[str, Any]) -> None:
    assert failed["told"][-1] == Failed(reason="buildx ended with an error")
    assert failed["code"] == 1


def test_buildx_is_asked_for_progress_that_a_program_can_read_and_to_load_the_image(failed: dict[str, Any]) -> None:
    words = {part for one in failed["arguments"] for part in (one, one.partition("=")[2])}
    assert {"buildx", "build", "rawjson", "--load", "--secret", "id=a,src=/a", "--platform", "linux/amd64"} <= words


def test_an_engine_that_goes_after_the_build_is_a_failure_that_says_where(tmp_path: Path) -> None:
    metadata = """for word; do
        [ "$before" != --metadata-file ] || echo '{"containerimage.config.digest": "sha256:i"}' >"$word"
        before=$word
    done"""
    with building(tmp_path, metadata) as (_, said), said.makefile() as lines:
        last = MESSAGE.validate_json(list(lines)[-1])
    assert isinstance(last, Failed)
    assert last.reason.startswith("looking at the built image: talking to the Docker Engine: the engine at unix://")


def test_the_build_ends_with_whoever_wanted_it(tmp_path: Path) -> None:
    with building(tmp_path, f"echo $$ >{tmp_path}/pid\nsleep 60") as (process, said):
        for _ in range(200):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").stat().st_size:
                break
            time.sleep(0.05)
        said.close()
        process.join(5)
        assert process.exitcode == -signal.SIGKILL
        assert ended(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_a_build_that_is_told_to_end_cleans_up_first(tmp_path: Path) -> None:
    process, said = forkserver.start(partial(linger, tmp_path), os.environ, ROOT)
    with said:
        for _ in range(200):
            if (tmp_path / "begun").exists():
                break
            time.sleep(0.05)
        assert process.pid
        os.killpg(process.pid, signal.SIGTERM)
        process.join(5)
        assert said.recv(100) == b""
    assert process.exitcode == 128 + signal.SIGTERM
    assert (tmp_path / "cleaned up").exists()
