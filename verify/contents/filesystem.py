"""The file system that the layers of an image make together: whiteouts, opaque directories, links."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from verify.contents.raw_layer import NOTHING, Facts, Permissions, RawLayer

REPLACED_KEPT = 100
# What shells, the loader and Python read of a base image, and by what scanners know the system. The accounts, the
# loader's cache and the time zone are read, too, but judged by what they say: accounts, hooks, time_zone.
READ = re.compile(
    r"/(?:usr/(?:local/)?)?(?:s?bin|lib\w*)/.*|/usr/share/(?:python3|ca-certificates|zoneinfo)/.*"
    r"|/etc/(?:os-release|debian_version|ld\.so\.(?:conf|preload).*|(?:ssl|alternatives|profile\.d|pam\.d|security)/.*|(?:python|sudoers).*"
    r"|bash\.bashrc|profile|environment|nsswitch\.conf|gai\.conf|host\.conf|services|protocols|mime\.types)"
)
# What a package manager has to write again for each package
DATABASES = re.compile(r"/var/(?:lib/(?:dpkg|apt)|cache/(?:debconf|ldconfig)|log)/.*|/etc/ld\.so\.cache")
LINKS_FOLLOWED = 40  # as many as Linux follows (path_resolution(7))


@dataclass(frozen=True)
class Entry:
    """Where a path of the merged file system comes from. ``inode``: the same for hard links of one file."""

    layer: int
    size: int
    target: str | None  # of a symbolic link
    facts: Facts
    inode: tuple[int, str]


Merged = dict[str, Entry]


@dataclass(frozen=True)
class Replaced:
    """What a layer takes of those below: bytes that it repeats, and path -> layer of what goes, of what is READ.

    ``harmless``: empty files, which nobody can execute, in place of files that gave rights. They take nothing else.
    """

    repeated_bytes: int
    gone: dict[str, int]
    harmless: frozenset[str]


@dataclass(frozen=True)
class FileSystem:
    """The file system that a container sees, and the layers that it is made of."""

    layers: Sequence[RawLayer]
    merged: Merged
    replaced: Sequence[Replaced]  # by each layer
    texts: Mapping[str, str]  # path -> text, of the files whose text is kept
    # Of paths above the lowest layer, where most files have others: with the layer that gives them
    permissions: Mapping[str, tuple[int, Permissions]]

    @classmethod
    def of(cls, layers: Sequence[RawLayer]) -> Self:
        """Lay these layers one above the other, the lowest first."""
        merged, replaced = merge(layers)
        texts = {path: entry.facts.text for path, entry in merged.items() if entry.facts.text is not None}
        return cls(layers, merged, replaced, texts, _permissions(layers))

    def resolve(self, path: str) -> str | None:
        """Follow symbolic links, of directories too, to a file; None where they lead to none."""
        end = self.follow(path)
        return end if end in self.merged and self.merged[end].target is None else None

    def follow(self, path: str) -> str:
        """Follow symbolic links to the path that they lead to. A path that the kernel gives up stays as it is."""
        pending, done, links = [part for part in reversed(path.split("/")) if part], "/", 0
        while pending and links <= LINKS_FOLLOWED:
            done = posixpath.normpath(posixpath.join(done, pending.pop()))
            entry = self.merged.get(done)
            if entry is not None and entry.target is not None:
                links += 1
                # Not normalized: `..` in it is above where a link before it leads to, not above the link
                target = posixpath.join(posixpath.dirname(done), entry.target)
                pending += [part for part in reversed(target.split("/")) if part]
                done = "/"
        return path if pending else done

    def below(self, directory: str) -> list[str]:
        """Return the paths below a directory, none where it is the root."""
        return [path for path in self.merged if directory != "/" and path.startswith(f"{directory}/")]

    def removed_in(self, path: str) -> int:
        """Return the highest layer that takes a path away, 0 where none does."""
        return max((number for number, layer in enumerate(self.layers) if takes(layer, path)), default=0)

    def regular_files(self) -> list[tuple[str, Entry]]:
        """Return the regular files by path. Of hard links the first that was written stands for all."""
        first: dict[tuple[int, str], str] = {}
        for path, entry in sorted(self.merged.items(), key=lambda item: (item[0] != item[1].inode[1], item[0])):
            if entry.target is None:
                first.setdefault(entry.inode, path)
        return sorted((path, self.merged[path]) for path in first.values())


def merge(layers: Iterable[RawLayer]) -> tuple[Merged, list[Replaced]]:
    """Return the file system that a container sees, and what each layer replaces; of the bytes without DATABASES.

    Whiteouts as in the OCI image layer specification.
    """
    merged: Merged = {}
    directories: set[str] = set()
    given: set[tuple[int, str]] = set()
    replaced = []
    for number, layer in enumerate(layers):
        written = set(layer.paths)
        twice = (path for path in layer.sizes if path in merged and not merged[path].target)
        again = sum(layer.sizes[path] for path in twice if not DATABASES.fullmatch(path))
        hidden = written & directories
        below = tuple(f"{gone}/" for gone in (*layer.removed, *layer.emptied, *hidden))
        gone = {path for path in merged if below and path.startswith(below)}
        gone |= {*written, *layer.removed, *layer.directories} & merged.keys()
        unable = layer.sizes.keys() - {*layer.executable, *layer.privileged}
        harmless = {path for path in gone & unable if not layer.sizes[path] and merged[path].inode in given}
        given |= {(number, path) for path in layer.privileged}
        read = sorted(path for path in gone - harmless if READ.fullmatch(path))[:REPLACED_KEPT]
        replaced.append(Replaced(again, {path: merged[path].layer for path in read}, frozenset(harmless)))
        for path in gone:
            del merged[path]
        _lay(merged, number, layer)
        add_directories(directories, written)
    return merged, replaced


def takes(layer: RawLayer, path: str) -> bool:
    """Whether a layer takes a path of an earlier one away: the path, or a directory above it."""
    above = [path]
    while above[-1] != "/":
        above.append(posixpath.dirname(above[-1]))
    gone = {*layer.removed, *layer.links, *layer.sizes}
    return path in layer.removed or not gone.isdisjoint(above[1:]) or not {*layer.emptied}.isdisjoint(above[1:])


def add_directories(found: set[str], paths: Iterable[str]) -> None:
    """Add the directories above paths. A directory that a later layer empties stays: it hides nothing then."""
    for path in paths:
        directory = posixpath.dirname(path)
        while directory not in found and directory != "/":
            found.add(directory)
            directory = posixpath.dirname(directory)


def _lay(merged: Merged, number: int, layer: RawLayer) -> None:
    for path, size in layer.sizes.items():
        merged[path] = Entry(number, size, None, layer.facts.get(path, NOTHING), (number, path))
    for path, target in layer.links.items():
        merged[path] = Entry(number, 0, target, NOTHING, (number, path))
    for path, target in layer.hard.items():
        other = merged.get(target)
        merged[path] = other or Entry(number, 0, None, NOTHING, (number, path))


def _permissions(layers: Iterable[RawLayer]) -> dict[str, tuple[int, Permissions]]:
    """Return the permissions above the lowest layer, as the last layer with a path gives them.

    Paths with the permissions that most files have are left out.
    """
    permissions: dict[str, tuple[int, Permissions]] = {}
    for number, layer in enumerate(layers):
        again = {*layer.paths, *layer.directories, *layer.removed}
        below = tuple(f"{gone}/" for gone in (*layer.removed, *layer.emptied))
        for path in [path for path in permissions if path in again or (below and path.startswith(below))]:
            del permissions[path]
        if number:
            names = {path: first for path, first in layer.hard.items() if first in layer.permissions}
            given = layer.permissions | {path: layer.permissions[first] for path, first in names.items()}
            permissions |= {path: (number, numbers) for path, numbers in given.items()}
    return permissions
