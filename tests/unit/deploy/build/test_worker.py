"""One build's process: it passes on what buildx prints, and never outlives whoever wanted the build."""

import contextlib
import itertools
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

import docker
import pytest
from python_on_whales.exceptions import DockerException

from deploy.build import forkserver, worker
from deploy.build.messages import MESSAGE, BuildRequest, Failed, Options
from deploy.engine.connection import Engine
from deploy.image_config import ImageConfig
from tests.support.builds import ENGINE, ended
from tests.support.player import linger
from verify.contents import cache
from verify.contents.raw_layer import UnreadableArchive

OPTIONS = Options(
    context_path=".", file="Dockerfile", tags=["x:y"], build_args={}, build_contexts={}, secrets=["id=a,src=/a"],
    cache_to={"type": "inline"},
)  # fmt: skip


@contextmanager
def building(directory: Path, script: str) -> Iterator[tuple[BaseProcess, socket.socket]]:
    """The process, asked for a build with a stand-in for the docker command that runs this script."""
    command = directory / "docker"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{directory}/arguments\n{script}\n', encoding="utf-8")
    command.chmod(0o755)
    engine = replace(ENGINE, cli=str(command), endpoint=f"unix://{directory}/none.sock")
    request = BuildRequest(engine=engine, base_layers=1, writable=["/data"], deadline=5, options=OPTIONS)
    process, said = forkserver.start(partial(forkserver.build_one, request), os.environ)
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
    assert {"buildx", "build", "rawjson", "--load", "--secret", "id=a,src=/a"} <= words


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
    process, said = forkserver.start(partial(linger, tmp_path), os.environ)
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


LAYERS = ["sha256:base", "sha256:core", "sha256:application"]


class Alone:
    """A builder and an engine, as far as the application's layer by itself needs them, and what they were asked."""

    def __init__(self, unknown: list[str], monkeypatch: pytest.MonkeyPatch, *, then: list[str] | None = None) -> None:
        self.api = self
        self.built: list[Options] = []
        self.kept: list[str] = []
        self.removed: list[str] = []
        answers = itertools.chain([unknown], itertools.repeat(unknown if then is None else then))
        monkeypatch.setattr(cache, "unknown", lambda _config: next(answers))
        monkeypatch.setattr(cache, "turn", lambda _diff_id: contextlib.nullcontext())
        monkeypatch.setattr(cache, "keep_layers", lambda _client, name: self.kept.append(name))
        monkeypatch.setattr(worker, "_buildx", self._build)

    def _build(self, _engine: Engine, options: Options) -> list[str]:
        self.built.append(options)
        return []

    def remove_image(self, name: str) -> None:
        self.removed.append(name)

    def keep(self) -> None:
        client: Any = self
        config = ImageConfig.from_inspect({"RootFS": {"Layers": LAYERS}})
        worker._keep_application(ENGINE, client, OPTIONS, config)


def test_an_application_s_layer_that_alone_is_new_is_read_from_an_image_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Alone(LAYERS[-1:], monkeypatch)
    engine.keep()
    labels, given = {"ktrdr.role": "application"}, OPTIONS.given
    del given["cache_to"]
    expected = {**given, "tags": ["x:y-application"], "target": "application", "labels": labels}
    assert [options.given for options in engine.built] == [expected]
    assert engine.kept == engine.removed == ["x:y-application"]


@pytest.mark.parametrize("unknown", [[], LAYERS[1:], LAYERS[1:2], LAYERS])
def test_where_it_is_not_the_only_new_one_no_such_image_is_made(
    unknown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Alone(unknown, monkeypatch)
    engine.keep()
    assert (engine.built, engine.kept, engine.removed) == ([], [], [])


def test_what_another_build_read_meanwhile_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Alone(LAYERS[-1:], monkeypatch, then=[])
    engine.keep()
    assert (engine.built, engine.kept, engine.removed) == ([], [], [])


@pytest.mark.parametrize(
    "error",
    [DockerException(["docker"], 1), docker.errors.NotFound("gone"), UnreadableArchive(), ConnectionResetError()],
)
def test_whatever_goes_wrong_with_it_is_left_to_the_whole_image(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise error

    engine = Alone(LAYERS[-1:], monkeypatch)
    monkeypatch.setattr(cache, "keep_layers", refuse)
    engine.keep()
    assert engine.removed == ["x:y-application"]
