"""Where containerd keeps the layers of an image, by the index of its overlay snapshotter.

Why not containerd's own interface: whoever may use it may do everything on that machine.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from verify.contents import bolt
from verify.contents.raw_layer import UnreadableArchive

SNAPSHOTTER = "io.containerd.snapshotter.v1"
OWN = "/var/lib/containerd"  # of a containerd that the engine does not start itself
NAMESPACE = "moby"  # Docker's, within containerd
COMMITTED = b"\x03"  # the kind of a snapshot that is a layer, and no container's


def directories(info: Mapping[str, Any], chain_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the directories of layers by their chain ids (OCI image), as ``docker info`` leads to them.

    None are returned if the engine keeps no such index on this machine, this process may not read it, or the index
    lacks a layer.

    Raises:
        UnreadableArchive: the index has a layer whose directory is gone.

    """
    if info.get("Driver") != "overlayfs" or ["driver-type", SNAPSHOTTER] not in (info.get("DriverStatus") or []):
        return ()
    for top in (f"{info.get('DockerRootDir')}/containerd/daemon", OWN):
        folder = Path(top) / f"{SNAPSHOTTER}.overlayfs"
        try:
            numbers = _numbers(bolt.read(folder / "metadata.db"))
            found = [folder / "snapshots" / str(numbers[chain_id]) / "fs" for chain_id in chain_ids]
        except (OSError, bolt.Damaged, LookupError, TypeError, ValueError):  # of another form
            continue
        for path in found:
            if not path.is_dir():
                raise UnreadableArchive(f"the engine lost a layer: {path} is gone")
        return tuple(map(str, found))
    return ()


def _numbers(index: bolt.Bucket) -> dict[str, int]:
    """Return the number of each layer's snapshot by chain id (containerd, core/snapshots/storage)."""
    snapshots: Any = index[b"v1"]
    names = ((*key.decode().split("/", 2), snapshot) for key, snapshot in snapshots[b"snapshots"].items())
    return {
        chain_id: _varint(snapshot[b"id"])
        for namespace, _, chain_id, snapshot in names
        if namespace == NAMESPACE and snapshot[b"kind"] == COMMITTED
    }


def _varint(data: bytes) -> int:
    """Return a number in seven bits a byte, the lowest first (Go, encoding/binary)."""
    return sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(data))
