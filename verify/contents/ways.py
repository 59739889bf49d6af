"""Who reads layers in the engine's own directories: this machine where it may, else a container on the engine's.

No way is an error because it is closed: the caller takes the engine's export then. What a layer holds does not depend
on the way.
"""

import base64
import contextlib
import functools
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError
from docker.types import LogConfig, Mount
from pydantic import TypeAdapter, ValidationError

from deploy.artifacts import Model
from deploy.build_record import Base
from deploy.engine.connection import ENGINE_ERRORS
from deploy.image_config import ImageConfig
from verify.contents import snapshots
from verify.contents.raw_layer import RawLayer, UnreadableArchive, Way

LAYER = TypeAdapter(RawLayer)
CODE = Path(__file__).resolve().parents[2]  # where this program's packages lie
IN_PLACE: Way = "in place"
BY_A_CONTAINER: Way = "in place, by a container"
THIS_MACHINE = "http+docker://localhost"  # the SDK's name of an engine behind a socket of this machine
SECONDS = 300.0  # for a reader; the export comes after it, and has to end in time, too
MEMORY = 10**9  # bytes that the container may use
PROCESSES = 4096  # that the container may have: one a processor, and threads
OUTPUT_AT_MOST = 1 << 28  # bytes
# All that the reader imports of ours: it runs where nothing else is installed.
READER = (
    "in_place", "members", "files", "accounts", "filesystem", "raw_layer", "elf", "secrets", "nested_archives",
    "bytecode", "loader_cache", "time_zone",
)  # fmt: skip
# The archive is handed in as an argument: the container's file system cannot be written, and nothing is mounted.
START = """
import base64, os, sys
archive = os.memfd_create("reader")
os.write(archive, base64.b85decode(sys.argv[1]))
sys.path.insert(0, f"/proc/self/fd/{archive}")
from verify.contents.in_place import main
main(sys.argv[2])
"""


class _Answer(Model):
    """A line that a reader prints: a layer, or why there is none."""

    layer: RawLayer | None = None
    changed: str | None = None  # where
    refused: str | None = None  # why


@dataclass(frozen=True)
class Permit:
    """What a container that reads layers needs, so that a run may make it."""

    base: Base  # by the build record: it runs the reader, and no layer above it
    labels: Mapping[str, str]  # the run's, by which its clean-up finds the container
    passing: Callable[[], AbstractContextManager[None]]  # entered to make it; raises OSError where the run ends


def in_place(
    client: DockerClient, config: ImageConfig, wanted: Collection[str], permit: Permit | None
) -> dict[str, RawLayer] | None:
    """Read the wanted layers (diff ids) of an image in the engine's directories; None where nobody may.

    Without a ``permit`` no container reads them. None reads containerd's: what marks an opaque directory is hidden from
    it, and there are no notes that tell.

    Raises:
        UnreadableArchive: a layer is gone, or changed while it was read.

    """
    try:
        info = client.info()
        directories = config.directories or _snapshots(client, info, config)
        known = dict(zip(config.layers, directories, strict=True)) if directories else {}
        places = {diff_id: known[diff_id] for diff_id in wanted if diff_id in known}
        if len(places) < len(wanted):
            return None
        found, way = here(client, info, places), IN_PLACE
        if found is None and permit is not None and config.directories:
            found, way = there(client, info, config, places, permit), BY_A_CONTAINER
    except ENGINE_ERRORS:  # the export is asked for next, and tells what is wrong with the engine
        return None
    for layer in found or ():
        layer.way = way
    return None if found is None else dict(zip(places, found, strict=True))


def _snapshots(client: DockerClient, info: Mapping[str, Any], config: ImageConfig) -> tuple[str, ...]:
    """Return the layers' directories in containerd's store on this machine."""
    chain_ids = (f"sha256:{chain}" for chain in _chain_ids(config.layers))
    return snapshots.directories(info, chain_ids) if client.api.base_url == THIS_MACHINE else ()


def here(client: DockerClient, info: Mapping[str, Any], places: Mapping[str, str]) -> list[RawLayer] | None:
    """Read layers by a process of this machine, where the engine is here, too, and its directories are open."""
    if client.api.base_url != THIS_MACHINE or not all(map(_may_read, places.values())):
        return None
    request = _request(info, list(places.values()), [])
    command = [sys.executable, "-X", "utf8", "-m", "verify.contents.in_place", request]
    try:
        reader = subprocess.run(command, cwd=CODE, check=False, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return _layers(reader.stdout, len(places))


def _may_read(place: str) -> bool:
    """Whether a directory is here and open, and its owner is the image's root: no user is another one's stand-in."""
    try:
        status = os.lstat(place)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and os.access(place, os.R_OK | os.X_OK)


def there(
    client: DockerClient, info: Mapping[str, Any], config: ImageConfig, places: Mapping[str, str], permit: Permit
) -> list[RawLayer] | None:
    """Read layers in a container of the base image, on the engine's machine.

    Raises what ENGINE_ERRORS names, also where the image has no Python or the engine does not mount its directories.
    """
    image_id = _base(client, config, permit.base)
    if image_id is None or ["Native Overlay Diff", "true"] not in _status(info):
        return None  # without it an image's directories are not what the engine would export (overlayfs.rst)
    chains = dict(zip(config.layers, _chain_ids(config.layers), strict=True))
    kept = f"{info['DockerRootDir']}/image/overlay2/layerdb/sha256"
    mounts = {f"/layers/{number}": place for number, place in enumerate(places.values())}
    notes = {f"/notes/{number}": f"{kept}/{chains[diff_id]}/tar-split.json.gz" for number, diff_id in enumerate(places)}
    printed = _run(client, image_id, _request(info, list(mounts), list(notes)), mounts | notes, permit)
    return _layers(printed, len(places))


def _status(info: Mapping[str, Any]) -> list[list[str]]:
    return info.get("DriverStatus") or []


def _chain_ids(diff_ids: Collection[str]) -> Iterator[str]:
    """Yield the names under which an engine keeps each layer on top of the earlier ones (OCI image, ChainID)."""
    chain = ""
    for diff_id in diff_ids:
        chain = f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}" if chain else diff_id
        yield chain.removeprefix("sha256:")


def _base(client: DockerClient, config: ImageConfig, base: Base) -> str | None:
    """Return the id of the recorded base image; None where the image has another one, or the engine lacks it."""
    layers = tuple(base.layers)
    if not layers or layers == config.layers or config.layers[: len(layers)] != layers:
        return None
    found = ImageConfig.from_inspect(client.api.inspect_image(base.reference))
    return found.image_id if found.layers == layers else None


def _run(client: DockerClient, image_id: str, request: str, mounts: Mapping[str, str], permit: Permit) -> bytes:
    """Run the reader in a container that may read all files, and nothing else; returns what it printed in SECONDS."""
    host = client.api.create_host_config(
        network_mode="none", read_only=True, cap_drop=["ALL"], cap_add=["DAC_READ_SEARCH"], auto_remove=True,
        security_opt=["no-new-privileges"], mem_limit=MEMORY, memswap_limit=MEMORY, pids_limit=PROCESSES,
        log_config=LogConfig(type="none"),
        mounts=[Mount(target, source, type="bind", read_only=True) for target, source in mounts.items()],
    )  # fmt: skip
    with permit.passing():
        made = client.api.create_container(
            image_id, entrypoint=["python3", "-I", "-S", "-X", "utf8", "-c", START], command=[_packed(), request],
            user="0:0", labels=dict(permit.labels), host_config=host, healthcheck={"test": ["NONE"]},
            use_config_proxy=False,
        )  # fmt: skip
    printed = bytearray()
    try:
        stream: Any = client.api.attach(made["Id"], stdout=True, stderr=False, stream=True)
        with contextlib.closing(stream), _ended_after(SECONDS, stream):
            client.api.start(made["Id"])
            for chunk in stream:
                printed += chunk
                if len(printed) > OUTPUT_AT_MOST:
                    break
    finally:
        _remove(client, made["Id"])
    return bytes(printed)


@contextlib.contextmanager
def _ended_after(seconds: float, stream: Any) -> Iterator[None]:
    """Close a stream when the time is up: who reads it then comes to its end."""
    timer = threading.Timer(seconds, stream.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _remove(client: DockerClient, container_id: str) -> None:
    try:
        client.api.remove_container(container_id, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or being removed already
            raise


@functools.cache
def _packed() -> str:
    """Return the reader's code: an archive of its modules, as text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("verify/__init__", "verify/contents/__init__", *(f"verify/contents/{name}" for name in READER)):
            archive.write(CODE / f"{name}.py", f"{name}.py")
    return base64.b85encode(packed.getvalue()).decode()


def _request(info: Mapping[str, Any], places: list[str], notes: list[str]) -> str:
    believed = "user" if ["userxattr", "true"] in _status(info) else "trusted"
    return json.dumps({"places": places, "notes": notes, "believed": believed})


def _layers(printed: bytes, number: int) -> list[RawLayer] | None:
    """Return the layers that a reader printed; None where it refused, or came to no end."""
    try:
        answers = [_Answer.model_validate_json(line) for line in printed.splitlines()]
    except ValidationError:
        return None
    for answer in answers:
        if answer.changed is not None:
            raise UnreadableArchive(f"a layer changed while it was read: {answer.changed}")
    found = [answer.layer for answer in answers if answer.layer is not None]
    return found if len(found) == len(answers) == number else None
