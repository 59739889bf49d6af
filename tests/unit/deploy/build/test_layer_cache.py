"""Where layers are cached beyond the engine, and which caches the engine's own builder cannot write."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.build import layer_cache
from deploy.build.builder import builder
from deploy.build.layer_cache import cache_options, check_export, keeps_images
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from tests.support.builds import ENGINE

REGISTRY = "type=registry,ref=registry.example/ktrdr:{role}"
CLASSIC = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]
CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]
Site = Callable[..., Engine]


class Client:
    """A client for an engine that says this of its store, or breaks off."""

    def __init__(self, status: Any) -> None:
        self.status = status

    def info(self) -> dict[str, Any]:
        if self.status is None:
            raise ConnectionResetError
        return {"DriverStatus": self.status}

    def close(self) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """An engine with this store, and a docker command that says this of the builder."""

    def make(says: str = "Name:   default\nDriver: docker\n", status: Any = CLASSIC) -> Engine:
        command = tmp_path / "docker"
        script = f'test "$3 $4" = "buildx inspect" || exit 9\ncat <<E\n{says}E' if says else "exit 1"
        command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        command.chmod(0o755)
        monkeypatch.setattr(layer_cache, "sdk", lambda _engine, _seconds: Client(status))
        return replace(ENGINE, cli=str(command))

    return make


def test_layers_are_cached_where_the_host_says_under_each_role_s_name() -> None:
    environ = {
        "KTRDR_CACHE_FROM": "type=registry,ref=registry.example/ktrdr:{role}",
        "KTRDR_CACHE_TO": "type=local,dest=/cache/{role},mode=max",
    }
    assert cache_options("dev", environ) == {
        "cache_from": {"type": "registry", "ref": "registry.example/ktrdr:dev"},
        "cache_to": {"type": "local", "dest": "/cache/dev", "mode": "max"},
    }


def test_layers_are_cached_by_the_engine_alone_where_the_host_says_nothing() -> None:
    assert cache_options("dev", {"KTRDR_CACHE_FROM": "", "KTRDR_CACHE_TO": ""}) == {}


@pytest.mark.parametrize("text", ["gha", "type=local,", "=x", "type=local, ,dest=x"])
def test_a_cache_address_that_is_none_is_told_with_its_variable(text: str) -> None:
    with pytest.raises(Problem, match="KTRDR_CACHE_TO") as caught:
        cache_options("dev", {"KTRDR_CACHE_TO": text})
    assert caught.value.code == Exit.USAGE


@pytest.mark.parametrize("text", [REGISTRY, "type=local,dest=/cache/{role}"])
def test_a_cache_that_the_engine_s_own_builder_cannot_write_is_told_with_what_can(site: Site, text: str) -> None:
    with pytest.raises(Problem) as caught:
        check_export(site(), {"KTRDR_CACHE_TO": text})
    problem = caught.value
    assert problem.code == Exit.UNAVAILABLE
    assert "KTRDR_CACHE_TO" in problem.doing
    assert "driver docker" in problem.wrong
    assert "containerd" in problem.wrong
    assert "docker buildx create --driver docker-container" in problem.next_step
    assert "BUILDX_BUILDER=" in problem.next_step


def test_containerd_s_store_can_write_it(site: Site) -> None:
    check_export(site(status=CONTAINERD), {"KTRDR_CACHE_TO": REGISTRY})


def test_another_builder_can_write_it(site: Site) -> None:
    check_export(site("Name: b\nDriver:        docker-container\n"), {"KTRDR_CACHE_TO": REGISTRY})


@pytest.mark.parametrize("environ", [{}, {"KTRDR_CACHE_TO": "type=inline"}, {"KTRDR_CACHE_FROM": REGISTRY}])
def test_without_a_cache_that_lies_elsewhere_nobody_is_asked(site: Site, environ: dict[str, str]) -> None:
    engine = site("", None)
    (Path(engine.cli)).unlink()
    check_export(engine, environ)


@pytest.mark.parametrize(("says", "status"), [("", CLASSIC), ("Name: default\nDriver: docker\n", None)])
def test_where_builder_or_engine_does_not_say_what_it_is_the_build_is_tried(site: Site, says: str, status: Any) -> None:
    check_export(site(says, status), {"KTRDR_CACHE_TO": REGISTRY})


def test_builder_and_store_are_read_from_what_they_say(site: Site) -> None:
    engine = site()
    assert (builder(engine).driver, keeps_images(engine)) == ("docker", "itself")
    engine = site("Name: b\nDriver:  remote\n", CONTAINERD)
    assert (builder(engine).driver, keeps_images(engine)) == ("remote", "containerd")
    engine = site("", None)
    assert (builder(engine).driver, keeps_images(engine)) == ("", "")
