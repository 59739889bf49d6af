"""Layers are found in containerd's store by its index, or not at all; one that is lost is an error."""

from pathlib import Path
from typing import Any, cast

import pytest

from deploy.image_config import ImageConfig
from tests.support.bolts import bolt
from verify.contents import snapshots, ways
from verify.contents.raw_layer import UnreadableArchive

LAYERS = ("sha256:" + "0a" * 32, "sha256:" + "0b" * 32)
CHAINS = [f"sha256:{chain}" for chain in ways._chain_ids(LAYERS)]
CONFIG = ImageConfig("sha256:i", "i", LAYERS)


def snapshot(number: int, kind: int = 3) -> dict[bytes, bytes]:
    varint = bytes([number]) if number < 128 else bytes([number % 128 + 128, number // 128])
    return {b"id": varint, b"kind": bytes([kind]), b"parent": b""}


KEPT = {
    f"moby/4/{CHAINS[0]}": snapshot(7),
    f"moby/5/{CHAINS[1]}": snapshot(300),
    f"moby/3/{CHAINS[1]}": snapshot(8, kind=1),  # of a container that looks at the layer
    f"moby/6/{CHAINS[0]}-view": snapshot(9),
    f"k8s.io/1/{CHAINS[0]}": snapshot(10),
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The data root of an engine with these snapshots."""
    folder = store(tmp_path)
    folder.mkdir(parents=True)
    write(folder, KEPT)
    for number in (7, 8, 9, 10, 300):
        (folder / "snapshots" / str(number) / "fs").mkdir(parents=True)
    return tmp_path


def store(top: Path) -> Path:
    return top / "containerd/daemon/io.containerd.snapshotter.v1.overlayfs"


def write(folder: Path, kept: dict[str, dict[bytes, bytes]]) -> None:
    tree = {b"v1": {b"parents": {}, b"snapshots": {key.encode(): value for key, value in kept.items()}}}
    (folder / "metadata.db").write_bytes(bolt(tree))


def info(top: Path, **values: Any) -> dict[str, Any]:
    status = [["driver-type", "io.containerd.snapshotter.v1"]]
    return {"Driver": "overlayfs", "DriverStatus": status, "DockerRootDir": str(top), **values}


def test_each_layer_s_directory_is_found(top: Path) -> None:
    places = [store(top) / "snapshots" / number / "fs" for number in ("7", "300")]
    assert snapshots.directories(info(top), CHAINS) == tuple(map(str, places))


def test_a_containerd_beside_the_engine_is_found_too(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "OWN", str(top / "containerd/daemon"))
    assert len(snapshots.directories(info(top / "elsewhere"), CHAINS)) == 2


@pytest.mark.parametrize(
    "values", [{"Driver": "overlay2"}, {"Driver": "zfs"}, {"DriverStatus": None}, {"DriverStatus": [["a", "b"]]}]
)
def test_of_another_store_nothing_is_known(top: Path, values: dict[str, Any]) -> None:
    assert snapshots.directories(info(top, **values), CHAINS) == ()


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {f"moby/4/{CHAINS[0]}": snapshot(7)},
        {f"moby/4/{CHAINS[0]}": snapshot(7), f"moby/5/{CHAINS[1]}": snapshot(8, kind=2)},
        {f"moby/4/{CHAINS[0]}": snapshot(7), f"k8s.io/5/{CHAINS[1]}": snapshot(8)},
        {f"moby/4/{CHAINS[0]}": snapshot(7), f"moby/5/{CHAINS[1]}": {b"parent": b""}},
        {"what": snapshot(7)},
    ],
    ids=["none", "one of two", "a container's", "another's", "without an id", "another name"],
)
def test_an_index_without_a_layer_says_nothing(top: Path, kept: dict[str, dict[bytes, bytes]]) -> None:
    write(store(top), kept)
    assert snapshots.directories(info(top), CHAINS) == ()


@pytest.mark.parametrize("data", [b"", b"rubbish" * 1000, bolt({b"v2": {}}), bolt({b"v1": b"text"})])
def test_what_is_no_index_says_nothing(top: Path, data: bytes) -> None:
    (store(top) / "metadata.db").write_bytes(data)
    assert snapshots.directories(info(top), CHAINS) == ()


def test_a_layer_whose_directory_is_gone_is_an_error(top: Path) -> None:
    (store(top) / "snapshots/300/fs").rmdir()
    with pytest.raises(UnreadableArchive, match=r"snapshots/300/fs is gone"):
        snapshots.directories(info(top), CHAINS)


class Engine:
    """An engine of this machine, or of another one."""

    def __init__(self, top: Path, base_url: str = ways.THIS_MACHINE) -> None:
        self.api, self.base_url, self.top = self, base_url, top

    def info(self) -> dict[str, Any]:
        return info(self.top)


def test_the_layers_are_read_there_if_the_engine_is_here(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(ways, "here", lambda _client, _info, places: read.extend(places.values()))
    for url in ("http://far", ways.THIS_MACHINE):
        assert ways.in_place(cast("Any", Engine(top, url)), CONFIG, LAYERS, None) is None
    assert read == list(snapshots.directories(info(top), CHAINS))
