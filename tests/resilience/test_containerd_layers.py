"""Layers in containerd's image store: read in its directories as in its export, in whatever form they are packed."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from deploy.engine import connection, daemon
from deploy.engine.connection import Engine, find_engine
from deploy.image_config import ImageConfig
from tests.integration.conftest import execute
from tests.resilience.second import CAN_START, WHY_NOT, second_engine
from tests.support.archives import diff_id, directory, file, layer
from tests.support.overlays import CAPABLE, exported, oddities
from verify.contents import archive, cache, snapshots, ways
from verify.contents.inventory import inventory
from verify.contents.raw_layer import RawLayer, UnreadableArchive

pytestmark = pytest.mark.skipif(not CAN_START, reason=WHY_NOT)
# Put together here, so that no scanner for secrets takes this file for one that holds a key.
SECRET = ("-----BEGIN " + "PRIVATE KEY-----\n" + "MIIB" * 8).encode()
BELOW = [directory(path) for path in ("etc", "srv", "srv/new", "srv/old", "opt")]
BELOW += [file(path, path) for path in ("etc/gone", "etc/stays", "srv/new/old", "srv/old/stays", "opt/late.py")]
PACKINGS = ["uncompressed", "gzip", "zstd"]
MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with second_engine(tmp_path_factory.mktemp("containerd") / "engine", containerd_store=True) as place:
        daemon.start(place, print)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"unix://{place.socket}")
            yield find_engine()


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[DockerClient]:
    with contextlib.closing(connection.sdk(engine, 60.0)) as found:
        yield found


@pytest.fixture(scope="module")
def odd(client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a layer that holds everything that one may, above a layer with what it hides; returns its name."""
    (top := tmp_path_factory.mktemp("odd") / "layer").mkdir()
    members = [
        replace(
            member,
            headers=tuple(
                (name, CAPABLE.decode("latin-1") if name.endswith(".capability") else value)
                for name, value in member.headers
                if "posix_acl" not in name
            ),
        )
        for member in exported(oddities(top, SECRET))
    ]
    layers = [layer(*BELOW), layer(*members)]
    rootfs = {"type": "layers", "diff_ids": list(map(diff_id, layers))}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["ktrdr-try-odd:1"], "Layers": names}])
    packed = layer(file("c.json", config), *map(file, names, layers), file("manifest.json", manifest))
    client.images.load(packed)
    return "ktrdr-try-odd:1"


def build(engine: Engine, odd: str, folder: Path, output: str, packing: str) -> None:
    """Build one more layer above the odd ones, and pack them all in one way."""
    (folder / "more").write_text("more" * 1000, encoding="utf-8")
    (folder / "Dockerfile").write_text(f"FROM {odd}\nCOPY more /etc/\n", encoding="utf-8")
    output += f",compression={packing},force-compression=true"
    command = [*engine.command(), "buildx", "build", "--provenance=false", f"--output={output}"]
    ended = execute(*command, str(folder))
    assert ended.code == 0, ended


def magic(path: Path) -> list[bytes]:
    """How the layers begin in an archive in the form of the OCI."""
    listed = subprocess.run(["tar", "-tf", path], capture_output=True, text=True, check=True).stdout.split()
    blobs = [name for name in listed if name.startswith("blobs/sha256/") and not name.endswith("/")]
    found = [subprocess.run(["tar", "-xOf", path, name], capture_output=True, check=True).stdout for name in blobs]
    return [data[:4] for data in found if not data.startswith(b"{")]


def by_export(client: DockerClient, config: ImageConfig) -> dict[str, RawLayer]:
    return archive.read_layers(client.api.get_image(config.image_id, chunk_size=cache.CHUNK))


def written(layers: dict[str, RawLayer] | None, config: ImageConfig) -> str:
    assert layers is not None
    way = {diff_id: replace(found, way="export") for diff_id, found in layers.items()}
    return inventory(way, config).model_dump_json()


@pytest.mark.parametrize("packing", PACKINGS)
def test_in_place_it_is_the_same_as_in_the_export(
    client: DockerClient, engine: Engine, odd: str, tmp_path: Path, packing: str
) -> None:
    name = f"ktrdr-try-{packing}:1"
    build(engine, odd, tmp_path, f"type=image,name={name},unpack=true", packing)
    config = ImageConfig.from_inspect(client.api.inspect_image(name))
    found = ways.in_place(client, config, config.layers, None)
    exported = by_export(client, config)
    assert json.loads(written(found, config)) == json.loads(written(exported, config))
    assert written(found, config) == written(exported, config)
    assert found == exported
    assert {one.way for one in found.values()} == {"in place"}
    assert exported[config.layers[1]].emptied == ["/srv/new"]
    assert "/etc/gone" in exported[config.layers[1]].removed
    with (tmp_path / "saved.tar").open("wb") as saved:
        subprocess.run([*engine.command(), "save", name], stdout=saved, check=True)
    assert all(start.startswith(MAGIC.get(packing, b"")) for start in magic(tmp_path / "saved.tar"))


@pytest.mark.parametrize("packing", PACKINGS)
def test_an_archive_that_the_builder_writes_is_read_in_every_packing(
    client: DockerClient, engine: Engine, odd: str, tmp_path: Path, packing: str
) -> None:
    path = tmp_path / "image.tar"
    build(engine, odd, tmp_path, f"type=oci,dest={path}", packing)
    config = ImageConfig.from_inspect(client.api.inspect_image(odd))
    below = by_export(client, config)
    with path.open("rb") as file:
        found = archive.read_layers(iter(lambda: file.read(4096), b""))
    assert len(found) == 3
    assert {diff_id: found[diff_id] for diff_id in config.layers} == below
    assert [start.startswith(MAGIC.get(packing, b"")) for start in magic(path)] == [True] * 3


def test_a_layer_whose_directory_is_gone_is_an_error(client: DockerClient, odd: str, tmp_path: Path) -> None:
    config = ImageConfig.from_inspect(client.api.inspect_image(odd))
    chains = [f"sha256:{chain}" for chain in ways._chain_ids(config.layers)]
    lost = Path(snapshots.directories(client.info(), chains)[1])
    lost.rename(lost.with_name("away"))
    try:
        with pytest.raises(UnreadableArchive, match=f"{lost} is gone"):
            cache.contents_of(client, config, tmp_path)
    finally:
        lost.with_name("away").rename(lost)
    assert cache.contents_of(client, config, tmp_path).layers[1].way == "in place"
