"""Contents kept by identity, and layers by diff id: each is read once, in any image and wherever it was built."""

import contextlib
import functools
import hashlib
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock

from docker import DockerClient
from pydantic import ValidationError

from deploy.artifacts import UnreadableArtifact, read_model, write_model, write_text
from deploy.image_config import ImageConfig
from verify.contents import archive, ways
from verify.contents.inventory import inventory
from verify.contents.model import Contents
from verify.contents.raw_layer import RawLayer

CHUNK = 1 << 20  # bytes asked of the engine at a time
UNUSED = 14 * 24 * 3600.0  # seconds after which an entry is removed, and read again if somebody still needs it
_TURNS: defaultdict[str, Lock] = defaultdict(Lock)  # diff id -> held while one image's reading takes that layer


def contents_of(
    client: DockerClient,
    config: ImageConfig,
    cache: Path,
    writable: Iterable[str] = (),
    *,
    permit: ways.Permit | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Contents:
    """Return the image's contents: from the cache of images or of layers, else from the engine.

    ``cache``: the directory that holds both. ``writable``: the directories that the contract calls writable.
    ``permit``: for a container that reads layers. ``begin``: called before layers are read, if any is not known.

    Raises:
        UnreadableArchive: the export is cut off, or a layer changed while it was read.
        docker.errors.DockerException: the engine refuses it.

    """
    writable = sorted(writable)
    path = _place(cache, "contents", hashlib.sha256("\0".join((config.identity, *writable)).encode()).hexdigest())
    with contextlib.suppress(FileNotFoundError, UnreadableArtifact):
        found = read_model(path, Contents)
        if found.identity == config.identity and tuple(layer.diff_id for layer in found.layers) == config.layers:
            return found
    found = inventory(_layers(client, config, cache, permit, begin), config, writable)
    with contextlib.suppress(OSError):  # contents that cannot be kept are read again
        _make_room(path)
        write_model(path, found)
    return found


def _layers(
    client: DockerClient, config: ImageConfig, cache: Path, permit: ways.Permit | None, begin: Callable[[], None]
) -> dict[str, RawLayer]:
    """Return an image's layers by diff id: from the cache, and the others from the engine's directories or its export.

    Images that are verified side by side have layers in common: the first to come reads such a layer, the others wait.
    """
    known: dict[str, RawLayer] = {}
    while True:
        known |= {
            diff_id: layer for diff_id in config.layers if diff_id not in known and (layer := _layer(cache, diff_id))
        }
        lacking = [diff_id for diff_id in config.layers if diff_id not in known]
        if not lacking:
            return known
        begin()
        with contextlib.ExitStack() as turns:
            mine = [diff_id for diff_id in lacking if _take_turn(diff_id, turns) and _layer(cache, diff_id) is None]
            if mine:
                others = set(config.layers) - set(mine)
                found = ways.in_place(client, config, mine, permit)
                if found is None:
                    found = archive.read_layers(client.api.get_image(config.image_id, chunk_size=CHUNK), others)
                known |= _keep(cache, found)
                if not known.keys() >= set(mine):
                    return known  # the export lacks a layer
                continue
        with _TURNS[lacking[0]]:
            pass


def _take_turn(diff_id: str, turns: contextlib.ExitStack) -> bool:
    """Take the right to read a layer for as long as ``turns`` is open; False if another image's reading has it."""
    taken = _TURNS[diff_id].acquire(blocking=False)
    if taken:
        turns.callback(_TURNS[diff_id].release)
    return taken


def _keep(cache: Path, found: dict[str, RawLayer]) -> dict[str, RawLayer]:
    for diff_id, layer in found.items():
        with contextlib.suppress(OSError):
            _make_room(path := _place(cache, "layers", diff_id))
            write_text(path, ways.LAYER.dump_json(layer).decode())
    return found


def _layer(cache: Path, diff_id: str) -> RawLayer | None:
    try:
        return ways.LAYER.validate_json(_place(cache, "layers", diff_id).read_bytes())
    except (OSError, ValidationError):
        return None


def _place(cache: Path, kind: str, digest: str) -> Path:
    return cache / kind / reader() / f"{digest.removeprefix('sha256:')}.json"


def _make_room(path: Path) -> None:
    """Make this reader's directory. Old files in it are removed, and so are other readers' old directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # another run removes them as well
        for other in (*path.parent.iterdir(), *path.parent.parent.iterdir()):
            if other != path.parent and time.time() - other.stat().st_mtime > UNUSED:
                shutil.rmtree(other) if other.is_dir() else other.unlink()


@functools.cache
def reader() -> str:
    """Return a digest of the code that reads contents: no version takes what another version read."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:16]
