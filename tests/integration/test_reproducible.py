"""The same checkout gives layers that hold the same, built twice without the builder's cache."""

import hashlib
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest

from deploy.build.host_settings import host_settings
from deploy.uv_lock import locked_version
from tests.integration.conftest import Checkout, Images, execute
from tests.support.checkout import PROJECT

ROLE = "backend"
Entries = dict[str, tuple[object, ...]]


def layers_of(images: Images, name: str, folder: Path) -> list[Entries]:
    """What each layer of an image holds: path -> kind, mode, owner, link, time and digest of the content.

    In no order: the engine packs one layer in either of two (docs/surprises.md).
    """
    saved = folder / "image.tar"
    with saved.open("wb") as file:
        for chunk in images.client.api.get_image(name):
            file.write(chunk)
    with tarfile.open(saved) as archive:
        (manifest,) = json.load(member(archive, "manifest.json"))
        return [entries(member(archive, layer)) for layer in manifest["Layers"]]


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, name
    return found


def entries(layer: IO[bytes]) -> Entries:
    with tarfile.open(fileobj=layer) as archive:
        return {one.name: (*facts(one), content(archive, one)) for one in archive}


def facts(one: tarfile.TarInfo) -> tuple[object, ...]:
    return one.type, one.mode, one.uid, one.gid, one.linkname, one.mtime, *one.pax_headers.items()


def content(archive: tarfile.TarFile, one: tarfile.TarInfo) -> str:
    file = archive.extractfile(one) if one.isreg() else None
    return hashlib.file_digest(cast("Any", file), "sha256").hexdigest() if file else ""


@pytest.fixture
def built_twice(images: Images, checkout: Checkout) -> Iterator[list[str]]:
    """Two builds, the second from files that were written anew, as in another clone."""
    settings, base = (
        host_settings(locked_version("torch", PROJECT.lock), PROJECT.cache),
        images.records[ROLE].base.reference,
    )
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


def test_the_backend_built_twice_without_cache_has_the_same_layers(
    images: Images, built_twice: list[str], tmp_path: Path
) -> None:
    first, second = (layers_of(images, name, tmp_path) for name in built_twice)
    built = layers_of(images, images.id_of(ROLE), tmp_path)
    assert len(first) == len(second) == len(built)
    for one, other in [*zip(first, second, strict=True), *zip(first, built, strict=True)]:
        assert differences(one, other) == {}
    assert sum(map(len, first)) > 4000


def differences(one: Entries, other: Entries) -> dict[str, tuple[object, object]]:
    return {path: (one.get(path), other.get(path)) for path in one | other if one.get(path) != other.get(path)}
