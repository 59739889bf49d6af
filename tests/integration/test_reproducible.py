"""The same checkout gives the same files and layers, built twice without the builder's cache."""

import hashlib
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from deploy.build.host_settings import host_settings
from deploy.image_config import ImageConfig
from deploy.uv_lock import locked_version
from tests.integration.conftest import Checkout, Images, execute

ROLE = "backend"
Tree = dict[str, tuple[object, ...]]


def tree(images: Images, image: str) -> Tree:
    """The files that a container of an image sees: path -> kind, mode, owner, link and digest of the content."""
    made = images.client.api.create_container(image, command=["true"])
    try:
        chunks: Iterator[bytes] = images.client.api.export(made["Id"])
        with tarfile.open(fileobj=cast("IO[bytes]", Chunks(chunks)), mode="r|") as tar:
            return {one.name: (*facts(one), content(tar, one)) for one in tar}
    finally:
        images.client.api.remove_container(made["Id"], force=True)


def facts(one: tarfile.TarInfo) -> tuple[object, ...]:
    return one.type, one.mode, one.uid, one.gid, one.linkname


def content(tar: tarfile.TarFile, one: tarfile.TarInfo) -> str:
    file = tar.extractfile(one) if one.isreg() else None
    return hashlib.file_digest(cast("Any", file), "sha256").hexdigest() if file else ""


class Chunks:
    """The engine's chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.rest = chunks, b""

    def read(self, size: int) -> bytes:
        while len(self.rest) < size and (chunk := next(self.chunks, None)) is not None:
            self.rest += chunk
        found, self.rest = self.rest[:size], self.rest[size:]
        return found


@pytest.fixture
def built_twice(images: Images, checkout: Checkout) -> Iterator[list[str]]:
    """Two builds, the second from files that were written anew, as in another clone."""
    settings, base = host_settings(locked_version("torch")), images.records[ROLE].base.reference
    arguments = {**settings.build_args, "PYTHON_IMAGE": base}
    options = [f"--build-arg={name}" for name in arguments]  # the values from the environment: proxies have passwords
    options += [f"--build-context={name}={value}" for name, value in settings.contexts.items()]
    options += [f"--secret={one}" for one in settings.secrets]
    names = [f"ktrdr-try-{uuid.uuid4().hex[:8]}:{number}" for number in range(2)]
    words = [*images.engine.command(), "buildx", "build", "--no-cache", "--load", "--provenance=false", *options]
    try:
        for number, name in enumerate(names):
            for path in checkout.directory.rglob("*.py") if number else ():
                path.touch()
            file = str(Path(images.contract.images[ROLE].dockerfile))
            command = [*words, "--file", file, "--tag", name, "."]
            ended = execute(*command, cwd=checkout.directory, env={**settings.environment, **arguments})
            assert ended.code == 0, ended
        yield names
    finally:
        for name in names:
            if images.client.images.list(name):
                images.client.images.remove(name)


def layers_of(images: Images, name: str) -> list[str]:
    return list(ImageConfig.from_inspect(images.client.api.inspect_image(name)).layers)


def test_the_backend_built_twice_without_cache_has_the_same_layers(images: Images, built_twice: list[str]) -> None:
    first, second = (tree(images, name) for name in built_twice)
    assert sorted(first) == sorted(second)
    assert {path: (first[path], second[path]) for path in first if first[path] != second[path]} == {}
    assert len(first) > 4000
    layers = [layers_of(images, name) for name in built_twice]
    assert layers[0] == layers[1] == images.records[ROLE].layers, "the same files at other times"
