"""What an image's layers hold: facts read from its exported archive, never by asking the image.

Contents depend on the image's identity alone (the README's glossary), so they may be kept by it.
"""

import io
import json
import posixpath
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deploy import distributions, files

REPLACED_KEPT = 100


class Model(BaseModel):
    """A value in an artifact: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Layer(Model):
    """One layer. ``unpacked_bytes``: the sum of its regular files' sizes, hard links once (OCI image layer)."""

    diff_id: str
    unpacked_bytes: int
    repeated_bytes: int  # of files that an earlier layer held already: paid for twice
    files: int
    by_distribution: dict[str, int]  # normalized name -> bytes; "" for what no distribution owns
    replaced: list[str] = []  # paths of earlier layers that this one writes again or removes; the first REPLACED_KEPT


class Distribution(Model):
    """One installed Python distribution (PyPA, recording installed projects)."""

    name: str  # normalized (PyPA, names and normalization)
    version: str
    path: str  # of its .dist-info directory
    layer: int


class Library(Model):
    """A CUDA shared library: its soname from the ELF file, or the file's name where it has none."""

    soname: str
    path: str
    bytes: int


class Interpreter(Model):
    """What ``python`` is on the image's PATH, links followed."""

    path: str
    layer: int
    sha256: str


class Hook(Model):
    """A file above the lowest layer that changes what every process does: who reports on itself may be told to lie."""

    path: str
    layer: int
    distribution: str  # its owner; "" for none


class Leftover(Model):
    """A file that has no business in an image, in any layer, also one that a later layer deletes."""

    kind: Literal["git", "environment", "private key", "certificate", "credentials"]
    path: str
    layer: int


class Contents(Model):
    """Everything read from the layers of one image."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    identity: str
    layers: list[Layer]
    distributions: list[Distribution]
    cuda_libraries: list[Library]
    interpreter: Interpreter | None
    leftovers: list[Leftover]
    hooks: list[Hook] = []

    @property
    def unpacked_bytes(self) -> int:
        """The sum over all layers."""
        return sum(layer.unpacked_bytes for layer in self.layers)

    def added_bytes(self, base_layers: int) -> int:
        """Unpacked bytes above the base image's layers."""
        return sum(layer.unpacked_bytes for layer in self.layers[base_layers:])


@dataclass
class _Layer:
    """What one layer's archive holds, before it is known where in the image the layer lies."""

    sizes: dict[str, int] = field(default_factory=dict)  # regular files, path -> bytes
    links: dict[str, str] = field(default_factory=dict)  # symbolic links, path -> target
    hard: dict[str, str] = field(default_factory=dict)  # hard links, path -> path
    removed: list[str] = field(default_factory=list)  # whiteouts
    emptied: list[str] = field(default_factory=list)  # opaque directories
    facts: dict[str, files.Facts] = field(default_factory=dict)
    leftovers: list[tuple[str, str]] = field(default_factory=list)


class UnreadableArchive(Exception):
    """The engine's export is cut off or is no image archive."""


class _Stream(io.RawIOBase):
    """The engine's chunks as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks, self.rest = iter(chunks), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


def read_contents(
    archive: Iterable[bytes], identity: str, diff_ids: list[str], path: str, working_directory: str = "/"
) -> Contents:
    """Read the contents from the chunks of an image's exported archive (``docker save``'s format).

    ``path`` is the image's PATH variable, ``working_directory`` where its processes start. Both layouts are read:
    layers named by digest (OCI), compressed or not, and the older directory a layer.

    Raises:
        UnreadableArchive: the archive is cut off, or is not one image's.

    """
    layers: dict[str, _Layer] = {}
    order: list[str] = []
    try:
        with tarfile.open(
            fileobj=io.BufferedReader(_Stream(archive), files.BLOCK), mode="r|", bufsize=files.BLOCK
        ) as outer:
            for member in outer:
                stream = outer.extractfile(member) if member.isreg() else None
                if stream is None:
                    continue
                if member.name == "manifest.json":
                    order = json.load(stream)[0]["Layers"]
                elif member.name.endswith("/layer.tar") or member.name.startswith("blobs/"):
                    layer = _read_layer(stream)
                    if layer is not None:
                        layers[member.name] = layer
        ordered = [layers[name] for name in order]
    except (tarfile.TarError, EOFError, ValueError, LookupError, TypeError) as error:
        raise UnreadableArchive(f"the exported archive is unreadable: {error}") from error
    if len(ordered) != len(diff_ids):
        raise UnreadableArchive(f"the exported archive has {len(ordered)} layers, the image {len(diff_ids)}")
    return _summed(ordered, identity, diff_ids, (path, working_directory))


def _read_layer(stream: IO[bytes]) -> _Layer | None:
    """Read one layer's archive; None for a blob that is none (a manifest, a configuration)."""
    buffered = io.BufferedReader(stream, files.BLOCK)  # type: ignore[type-var]  # ExFileObject is a raw reader
    if buffered.peek(1)[:1] in (b"{", b""):
        return None
    layer = _Layer()
    with tarfile.open(fileobj=buffered, mode="r|*", bufsize=files.BLOCK) as inner:
        for member in inner:
            _read_member(layer, inner, member)
    return layer


def _read_member(layer: _Layer, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = posixpath.normpath("/" + member.name)
    directory, name = posixpath.split(path)
    if name == ".wh..wh..opq":
        layer.emptied.append(directory)
        return
    if name.startswith(".wh."):
        layer.removed.append(posixpath.join(directory, name.removeprefix(".wh.")))
        return
    head = b""
    if member.issym():
        layer.links[path] = member.linkname
    elif member.islnk():
        layer.hard[path] = posixpath.normpath("/" + member.linkname)
    elif member.isreg():
        layer.sizes[path] = member.size
        stream = archive.extractfile(member)
        if stream is not None:
            head, layer.facts[path] = files.examine(path, member.size, stream)
            if layer.facts[path] == files.NOTHING:
                del layer.facts[path]
    layer.leftovers += [(kind, path) for kind in files.leftover(path, head)]


@dataclass(frozen=True)
class _Entry:
    """Where a path of the merged file system comes from."""

    layer: int
    size: int
    target: str | None  # of a symbolic link
    facts: files.Facts


def _merge(layers: list[_Layer]) -> tuple[dict[str, _Entry], list[tuple[int, list[str]]]]:
    """Return the file system that a container sees, and of each layer how many bytes and which paths it replaces.

    Whiteouts as in the OCI image layer specification.
    """
    merged: dict[str, _Entry] = {}
    repeated = []
    for number, layer in enumerate(layers):
        again = sum(size for path, size in layer.sizes.items() if path in merged and not merged[path].target)
        written = (path for path in (*layer.sizes, *layer.links, *layer.hard, *layer.removed) if path in merged)
        below = tuple(f"{gone}/" for gone in (*layer.removed, *layer.emptied))
        emptied = (path for path in merged if below and path.startswith(below))
        repeated.append((again, sorted({*written, *emptied})[:REPLACED_KEPT]))
        for gone in layer.emptied:
            _remove_below(merged, gone)
        for gone in layer.removed:
            merged.pop(gone, None)
            _remove_below(merged, gone)
        for path, size in layer.sizes.items():
            merged[path] = _Entry(number, size, None, layer.facts.get(path, files.NOTHING))
        for path, target in layer.links.items():
            merged[path] = _Entry(number, 0, target, files.NOTHING)
        for path, target in layer.hard.items():
            other = merged.get(target)
            merged[path] = _Entry(number, 0, other.target if other else None, other.facts if other else files.NOTHING)
    return merged, repeated


def _remove_below(merged: dict[str, _Entry], directory: str) -> None:
    for path in [path for path in merged if path.startswith(directory + "/")]:
        del merged[path]


def _summed(layers: list[_Layer], identity: str, diff_ids: list[str], where: tuple[str, str]) -> Contents:
    merged, repeated = _merge(layers)
    metadata = {name: entry.facts.text for name, entry in merged.items() if entry.facts.text is not None}
    installed = distributions.installed(metadata)
    owner = distributions.owners(installed, metadata)
    return Contents(
        identity=identity,
        layers=[
            Layer(
                diff_id=diff_id,
                unpacked_bytes=sum(layer.sizes.values()),
                repeated_bytes=again[0],
                replaced=again[1],
                files=len(layer.sizes),
                by_distribution=distributions.bytes_by_owner(layer.sizes, owner),
            )
            for layer, diff_id, again in zip(layers, diff_ids, repeated, strict=True)
        ],
        distributions=[
            Distribution(name=one.name, version=one.version, path=one.path, layer=merged[f"{one.path}/METADATA"].layer)
            for one in installed
        ],
        cuda_libraries=[
            Library(soname=entry.facts.soname or posixpath.basename(name), path=name, bytes=entry.size)
            for name, entry in sorted(merged.items())
            if entry.size and files.is_cuda_library(entry.facts, name)
        ],
        interpreter=_interpreter(merged, where[0]),
        hooks=[
            Hook(path=name, layer=entry.layer, distribution=owner.get(name, ""))
            for name, entry in sorted(merged.items())
            if entry.layer and files.is_hook(name, where[1])
        ],
        leftovers=[
            Leftover(kind=kind, path=name, layer=number)  # type: ignore[arg-type]  # files.leftover's own words
            for number, layer in enumerate(layers)
            for kind, name in layer.leftovers
        ],
    )


def _interpreter(merged: dict[str, _Entry], path: str) -> Interpreter | None:
    for directory in path.split(":"):
        found = resolve(merged, posixpath.join(directory, "python"))
        if found is not None:
            entry = merged[found]
            return Interpreter(path=found, layer=entry.layer, sha256=entry.facts.sha256 or "")
    return None


def resolve(merged: dict[str, _Entry], path: str) -> str | None:
    """Follow symbolic links, of directories too, to a file of the merged file system; None where they lead nowhere."""
    pending, done = [part for part in reversed(path.split("/")) if part], ""
    for _ in range(256):
        if not pending:
            return done if done in merged else None
        part = pending.pop()
        done = posixpath.normpath(posixpath.join(done or "/", part))
        entry = merged.get(done)
        if entry is not None and entry.target is not None:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(done), entry.target))
            pending += [part for part in reversed(target.split("/")) if part]
            done = ""
    return None
