"""The file system that the layers of an image make together: whiteouts, opaque directories, links."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from verify.contents import files
from verify.contents.raw_layer import RawLayer

REPLACED_KEPT = 100
LINKS_FOLLOWED = 40  # as many as Linux follows (path_resolution(7))


@dataclass(frozen=True)
class Entry:
    """Where a path of the merged file system comes from. ``inode``: the same for hard links of one file."""

    layer: int
    size: int
    target: str | None  # of a symbolic link
    facts: files.Facts
    inode: tuple[int, str]


Merged = dict[str, Entry]


def merge(layers: list[RawLayer]) -> tuple[Merged, list[tuple[int, list[str]]]]:
    """Return the file system that a container sees, and of each layer how many bytes and which paths it replaces.

    Whiteouts as in the OCI image layer specification.
    """
    merged: Merged = {}
    directories: set[str] = set()
    replaced = []
    for number, layer in enumerate(layers):
        written = {*layer.sizes, *layer.links, *layer.hard}
        again = sum(size for path, size in layer.sizes.items() if path in merged and not merged[path].target)
        hidden = written & directories
        below = tuple(f"{gone}/" for gone in (*layer.removed, *layer.emptied, *hidden))
        gone = {path for path in merged if below and path.startswith(below)}
        gone |= {*written, *layer.removed, *layer.directories} & merged.keys()
        replaced.append((again, sorted(gone)[:REPLACED_KEPT]))
        for path in gone:
            del merged[path]
        _lay(merged, number, layer)
        _add_directories(directories, written)
    return merged, replaced


def _add_directories(found: set[str], paths: Iterable[str]) -> None:
    """Add the directories above paths; one that a later layer empties stays, and then has nothing in it to hide."""
    for path in paths:
        directory = posixpath.dirname(path)
        while directory not in found and directory != "/":
            found.add(directory)
            directory = posixpath.dirname(directory)


def _lay(merged: Merged, number: int, layer: RawLayer) -> None:
    for path, size in layer.sizes.items():
        merged[path] = Entry(number, size, None, layer.facts.get(path, files.NOTHING), (number, path))
    for path, target in layer.links.items():
        merged[path] = Entry(number, 0, target, files.NOTHING, (number, path))
    for path, target in layer.hard.items():
        other = merged.get(target)
        merged[path] = other or Entry(number, 0, None, files.NOTHING, (number, path))


def resolve(merged: Merged, path: str) -> str | None:
    """Follow symbolic links, of directories too, to a file of the merged file system; None where they lead nowhere."""
    done = follow(merged, path)
    return done if done in merged and merged[done].target is None else None


def follow(merged: Merged, path: str) -> str:
    """Follow symbolic links to whatever path they lead to; the path itself where the kernel would give up."""
    pending, done, links = [part for part in reversed(path.split("/")) if part], "/", 0
    while pending and links <= LINKS_FOLLOWED:
        done = posixpath.normpath(posixpath.join(done, pending.pop()))
        entry = merged.get(done)
        if entry is not None and entry.target is not None:
            links += 1
            # Not normalized: `..` in it is above where a link before it leads to, not above the link
            target = posixpath.join(posixpath.dirname(done), entry.target)
            pending += [part for part in reversed(target.split("/")) if part]
            done = "/"
    return path if pending else done
