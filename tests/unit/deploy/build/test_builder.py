"""A builder that cannot do the builds is refused before they begin, with what mends it."""

import dataclasses
from pathlib import Path

import pytest

from deploy.base.image import BaseImage, Origin
from deploy.build.builder import Builder, builder, check_base, check_podman, is_chosen, only_here, parse_builder
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig

ENGINE = Engine("unix:///e", "e1", "26.1.5", "1.45", "overlay2", "0.13.1", "2.26.1", "/nonexistent/docker")
CONFIG = ImageConfig("sha256:1", "sha256:i", ("sha256:l",))
OURS = dataclasses.replace(CONFIG, labels={"ktrdr.base": "d"})
REMOTE = """\
Name:          far
Driver:        remote
Last Activity: 2026-11-30 10:00:00 +0000 UTC

Nodes:
Name:     far0
Endpoint: tcp://10.0.0.1:1234
"""
SILENT = REMOTE + "Error:    listing workers: no route to host\n"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return dataclasses.replace(ENGINE, cli=str(tmp_path / "docker"))


def says(engine: Engine, text: str) -> None:
    """Make the docker command print this."""
    path = Path(engine.cli)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_builder_is_read_from_what_buildx_tells_of_it_and_of_its_nodes(engine: Engine) -> None:
    assert parse_builder(REMOTE) == Builder("far", "remote")
    assert parse_builder(SILENT) == Builder("far", "remote", "listing workers: no route to host")
    assert parse_builder("") == builder(engine) == Builder()
    says(engine, REMOTE)
    assert builder(engine) == Builder("far", "remote")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no other builder is chosen"),
        ("Name: default\nDriver: docker\n", "no other builder is chosen"),
        (SILENT, "the builder far does not answer: listing workers: no route to host"),
    ],
)
def test_a_build_on_podman_without_a_builder_that_answers_is_refused(engine: Engine, text: str, said: str) -> None:
    says(engine, text)
    with pytest.raises(Problem, match=r"Podman 5\.4\.2 has no BuildKit") as told:
        check_podman(dataclasses.replace(engine, podman=True, version="5.4.2"))
    assert said in told.value.wrong
    assert "docker buildx create --name ktrdr --driver remote ADDRESS" in told.value.next_step
    assert told.value.code == Exit.UNAVAILABLE


def test_podman_without_docker_s_command_is_refused_without_asking_for_it() -> None:
    with pytest.raises(Problem, match="no other builder is chosen"):
        check_podman(dataclasses.replace(ENGINE, podman=True, cli="", buildx=""))


def test_podman_with_a_builder_that_answers_and_docker_are_let_through(engine: Engine) -> None:
    says(engine, REMOTE)
    check_podman(dataclasses.replace(engine, podman=True))
    check_podman(ENGINE)


@pytest.mark.parametrize(
    ("reference", "origin", "config", "here"),
    [
        ("ktrdr-base:1", "bootstrapped", OURS, True),
        ("python:3.11", "local", CONFIG, True),
        ("ktrdr-base:1", "given", OURS, True),
        ("python:3.11", "given", CONFIG, False),
        ("r.example/ktrdr-base:1", "given", OURS, False),
        ("localhost/ktrdr-base:1", "given", OURS, False),
        ("python:3.11@sha256:aa", "local", CONFIG, False),
    ],
)
def test_a_base_image_is_only_here_unless_its_name_leads_to_a_registry(
    reference: str, origin: Origin, config: ImageConfig, *, here: bool
) -> None:
    assert only_here(BaseImage(reference, origin, config)) is here


def test_a_builder_elsewhere_is_refused_a_base_image_that_only_the_engine_has(engine: Engine, tmp_path: Path) -> None:
    base = BaseImage("ktrdr-base:1", "bootstrapped", OURS)
    says(engine, REMOTE)
    with pytest.raises(Problem, match=r"the builder far \(remote\) takes the base image from a registry") as told:
        check_base(engine, base, {"BUILDX_BUILDER": "far"}, tmp_path)
    assert "ktrdr-base:1 is only on the engine at unix:///e" in told.value.wrong
    assert "PYTHON_IMAGE=REGISTRY/NAME; or unset BUILDX_BUILDER" in told.value.next_step
    says(engine, "Name: default\nDriver: docker\n")
    check_base(engine, base, {"BUILDX_BUILDER": "default"}, tmp_path)


def test_where_nobody_chose_a_builder_none_is_asked(engine: Engine, tmp_path: Path) -> None:
    check_base(engine, BaseImage("ktrdr-base:1", "bootstrapped", OURS), {}, tmp_path)
    assert not is_chosen({}, tmp_path)
    (tmp_path / "buildx").mkdir()
    (tmp_path / "buildx" / "current").write_text("{}", encoding="utf-8")
    assert is_chosen({"DOCKER_CONFIG": str(tmp_path)}, Path("/nonexistent"))
