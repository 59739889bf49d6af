"""Contents kept by identity: an image's layers are read once, whatever it is called and wherever it is built."""

import contextlib
import functools
import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

from docker import DockerClient

from deploy import contents, distributions, elf, files, layers, packages
from deploy.artifacts import UnreadableArtifact, read_model, write_model
from deploy.contents import Contents, read_contents
from deploy.record import diff_ids, identity
from deploy.settings import CACHE

CHUNK = 1 << 20  # bytes asked of the engine at a time


def contents_of(client: DockerClient, inspected: dict[str, Any]) -> Contents:
    """Return the image's contents, from what is kept or from the engine's export of its layers.

    Raises:
        UnreadableArchive: the export is cut off.
        docker.errors.DockerException: the engine refuses it.

    """
    name = identity(inspected)
    path = CACHE / "contents" / reader() / f"{name.removeprefix('sha256:')}.json"
    with contextlib.suppress(FileNotFoundError, UnreadableArtifact):
        found = read_model(path, Contents)
        if found.identity == name and [layer.diff_id for layer in found.layers] == diff_ids(inspected):
            return found
    archive = client.api.get_image(inspected["Id"], chunk_size=CHUNK)
    where = environment(inspected).get("PATH", ""), (inspected.get("Config") or {}).get("WorkingDir") or "/"
    found = read_contents(archive, name, diff_ids(inspected), *where)
    write_model(path, found)
    return found


@functools.cache
def reader() -> str:
    """Return a digest of the code that reads contents: what an earlier version of it read is no answer to this one."""
    modules = (contents, distributions, elf, files, layers, packages)
    sources = b"".join(inspect.getsource(module).encode() for module in modules)
    return hashlib.sha256(sources).hexdigest()[:16]


def environment(inspected: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of an image's configuration."""
    pairs = (entry.partition("=") for entry in (inspected.get("Config") or {}).get("Env") or [])
    return {name: value for name, _, value in pairs}
