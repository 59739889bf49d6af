"""Image archives made in memory, in the layouts that ``docker save`` writes, for the tests of what reads them."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from backports import zstd

from deploy.image_config import ImageConfig
from verify.contents.archive import read_layers
from verify.contents.inventory import inventory
from verify.contents.model import Contents

SITE = "opt/venv/lib/python3.11/site-packages"
PATH = "/opt/venv/bin:/usr/bin"
STRANGER = "stranger"  # a user that no image here knows
Layout = Literal["oci", "oci, gzip", "oci, zstd", "old"]
PACK: dict[Layout, Callable[[bytes], bytes]] = {"oci": bytes, "oci, gzip": gzip.compress, "oci, zstd": zstd.compress}
LAYOUTS: tuple[Layout, ...] = ("oci", "oci, gzip", "oci, zstd", "old")


@dataclass(frozen=True)
class Member:
    """One entry of a layer's archive."""

    path: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)  # user and group
    headers: tuple[tuple[str, str], ...] = ()  # of the archive's extended format: pax(1)


def file(path: str, data: bytes | int | str = b"") -> Member:
    """A regular file with this content, or with so many bytes of no meaning."""
    if isinstance(data, str):
        return Member(path, data.encode("utf-8", "surrogateescape"))
    return Member(path, bytes(data))


def directory(path: str) -> Member:
    return Member(path, kind=tarfile.DIRTYPE)


def symlink(path: str, target: str) -> Member:
    return Member(path, kind=tarfile.SYMTYPE, target=target)


def hardlink(path: str, target: str) -> Member:
    return Member(path, kind=tarfile.LNKTYPE, target=target)


def removed(path: str) -> Member:
    """A whiteout: the path is gone (OCI image layer)."""
    parent, _, name = path.rpartition("/")
    return Member(f"{parent}/.wh.{name}" if parent else f".wh.{name}", mode=0o600)


def emptied(path: str) -> Member:
    """An opaque directory: nothing of what lay below it is left (OCI image layer)."""
    return Member(f"{path}/.wh..wh..opq", mode=0o755)


def distribution(name: str, version: str, *files: Member, site: str = SITE) -> list[Member]:
    """A distribution's files with METADATA and a RECORD of them all."""
    info = f"{site}/{name}-{version}.dist-info"
    metadata = file(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText\n")
    rows = [row(one, site) for one in (*files, metadata)]
    return [*files, metadata, file(f"{info}/RECORD", "".join([*rows, f"{name}-{version}.dist-info/RECORD,,\n"]))]


def row(one: Member, site: str = SITE) -> str:
    """What a RECORD says of a file."""
    path = one.path.removeprefix(f"{site}/") if one.path.startswith(site) else f"/{one.path}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(one.data).digest()).rstrip(b"=").decode()
    return f'"{path}",sha256={digest},{len(one.data)}\n'


def layer(*members: Member) -> bytes:
    """A layer's archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in members:
            info = tarfile.TarInfo(one.path)
            info.type, info.linkname, info.size = one.kind, one.target, len(one.data)
            info.mode, info.pax_headers = one.mode, dict(one.headers)
            info.uid, info.gid = one.owner
            info.devmajor, info.devminor = 1, 3  # of a device: /dev/null's; 0 and 0 are a whiteout's on a disk
            tar.addfile(info, io.BytesIO(one.data))
    return packed.getvalue()


def diff_id(layer: bytes) -> str:
    return f"sha256:{hashlib.sha256(layer).hexdigest()}"


def archive(layers: Iterable[bytes], layout: Layout = "oci") -> bytes:
    """An image's archive; OCI: blobs, each once, the manifest last, as engines write it."""
    layers = list(layers)
    configuration = json.dumps({"rootfs": {"diff_ids": [diff_id(one) for one in layers]}}).encode()
    if layout == "old":
        names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
        entries = [("config.json", configuration), *zip(names, layers, strict=True)]
    else:
        blobs = [PACK[layout](one) for one in layers]
        names = [f"blobs/sha256/{hashlib.sha256(one).hexdigest()}" for one in blobs]
        entries = [("blobs/sha256/c", configuration), *dict(zip(names, blobs, strict=True)).items()]
        entries += [("index.json", b'{"schemaVersion": 2}'), ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')]
    manifest = json.dumps([{"Config": "config", "RepoTags": ["x:y"], "Layers": names}]).encode()
    return layer(*(file(name, data) for name, data in [*entries, ("manifest.json", manifest)]))


def chunks(data: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    """The data as an engine sends it."""
    return (data[start : start + size] for start in range(0, len(data), size))


def config(diff_ids: Iterable[str], path: str = PATH, user: str = STRANGER, **values: Any) -> ImageConfig:
    """The configuration of an image with these layers."""
    return ImageConfig("sha256:0", "sha256:i", tuple(diff_ids), user=user, environment={"PATH": path}, **values)


def read_contents(data: Iterable[bytes], image: ImageConfig) -> Contents:
    """What the chunks of an image's exported archive hold."""
    return inventory(read_layers(data), image, writable=["/data"])


def read(*layers: Iterable[Member], layout: Layout = "oci", path: str = PATH, user: str = STRANGER) -> Contents:
    """The contents of an image with these layers."""
    packed = [layer(*members) for members in layers]
    return read_contents(chunks(archive(packed, layout)), config(map(diff_id, packed), path, user))
