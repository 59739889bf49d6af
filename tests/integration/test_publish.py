"""The documented path: what was built and verified is published, and comes back by `verify --published`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.registry import Registry, registry
from deploy.errors import Exit, Problem
from tests.integration.conftest import Ended, Images, execute

ROLE = "backend"


@pytest.fixture(scope="module")
def held(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Debian's registry, for as long as this module's tests run."""
    if not images.engine.endpoint.startswith("unix://"):
        pytest.skip("the engine is on another machine and does not see this one's registry")
    try:
        with registry(tmp_path_factory.mktemp("registry")) as one:
            yield one
    except Problem as problem:
        pytest.skip(f"no registry here: {problem}")


def deploy(*words: str) -> Ended:
    return execute(sys.executable, "-m", "deploy", *words)


def test_what_was_verified_is_published_once_and_found_again_by_its_digest(
    images: Images, held: Registry, tmp_path: Path
) -> None:
    key, to = tmp_path / "own.key", ["--artifacts", str(images.artifacts.root)]
    assert deploy("key", str(key)).code == Exit.OK
    published = deploy("publish", ROLE, "--registry", held.address, "--key", str(key), *to)
    assert published.code == Exit.OK, published
    size = held.held_bytes()
    again = deploy("publish", ROLE, "--registry", held.address, "--key", str(key), *to)
    assert again.code == Exit.OK, again
    assert held.held_bytes() == size
    name = f"{held.address}/{images.contract.images[ROLE].name}"
    told = images.verify("--published", name, "--key", f"{key}.pub", artifacts=images.artifacts)
    try:
        assert told.code == Exit.OK, told
        assert f"identity   {images.records[ROLE].identity}" in told.printed
        assert "PASS  signature" in told.printed
    finally:
        digest = told.printed.partition("@")[2].split()[0]
        images.client.images.remove(f"{name.rpartition(':')[0]}@{digest}")


def test_an_image_that_was_never_published_is_named_in_no_stack(images: Images, held: Registry) -> None:
    assert ROLE in images.roles
    refused = deploy("stack", "--registry", f"{held.address}/nowhere")
    assert refused.code == Exit.UNAVAILABLE, refused
    assert "it does not hold this" in refused.printed
