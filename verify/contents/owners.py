"""Who owns what lies above the lowest layer: what no distribution accounts for is listed, for the judge to rule on."""

import posixpath
from collections.abc import Collection, Iterable, Mapping

from verify.contents import dpkg
from verify.contents.distributions import Installed, is_owned
from verify.contents.files import APPLICATION
from verify.contents.filesystem import FileSystem, add_directories
from verify.contents.model import Hook, Other, OtherKind

FILES = ("file", "program", "hard link", "link")  # the others are in no merged file system


def application(system: FileSystem, installed: Iterable[Installed], hooks: Iterable[Hook]) -> dict[str, dict[str, str]]:
    """Return each directory of the application's package: path below it -> SHA-256, "" for what is no file.

    They are where its distribution is installed, and where its start-up file leads to.
    """
    places = {posixpath.dirname(distribution.path) for distribution in installed if distribution.name == APPLICATION}
    places |= {lead for hook in hooks if hook.distribution == APPLICATION for lead in hook.leads}
    directories = {posixpath.join(place, APPLICATION) for place in sorted(places)}
    found = {directory: _digests(system, directory) for directory in sorted(directories)}
    return {directory: digests for directory, digests in found.items() if digests}


def _digests(system: FileSystem, directory: str) -> dict[str, str]:
    paths = sorted(system.below(directory))
    return {path.removeprefix(f"{directory}/"): system.merged[path].facts.sha256 or "" for path in paths}


def others(system: FileSystem, owned: Collection[str], sources: Mapping[str, Mapping[str, str]]) -> list[Other]:
    """Return the paths above the lowest layer that neither a distribution nor the application's package holds.

    Of the directories only those count that hold nothing and that no lower layer has. Bytecode is its source's. Files
    that only take rights away are left out.
    """
    ours = {*owned, *(posixpath.join(place, path) for place, paths in sources.items() for path in paths)}
    packages, lower, holding, filled = dpkg.owners(system), set[str](), set[str](), set[str]()
    add_directories(holding, ours)
    for layer in system.layers:
        add_directories(filled, layer.paths)
    found = []
    for number, layer in enumerate(system.layers):
        executable = set(layer.executable)
        programs = executable | {path for path, first in layer.hard.items() if first in executable}
        kinds: dict[OtherKind, Iterable[str]] = {
            "file": layer.sizes.keys() - programs, "program": programs, "hard link": layer.hard.keys() - programs,
            "link": layer.links, "device": layer.special, "directory": layer.directories - lower - filled,
        }  # fmt: skip
        known = holding | lower
        found += [
            Other(
                path=path,
                kind=kind,
                layer=number,
                bytes=layer.sizes.get(path, 0),
                target=layer.links.get(path, ""),
                top=_top(path, known),
                package=packages.get(path, ""),
                gone=kind in FILES and _is_gone(system, path, number),
            )
            for kind, paths in (kinds if number else {}).items()
            for path in paths
            if path not in system.replaced[number].harmless and (kind == "device" or not is_owned(path, ours))
        ]
        lower |= layer.directories
        add_directories(lower, layer.paths)
    return sorted(found, key=lambda other: (other.path, other.layer))


def _is_gone(system: FileSystem, path: str, number: int) -> bool:
    """Whether a layer above this one removes or replaces a file of it."""
    return path not in system.merged or system.merged[path].layer > number


def _top(path: str, known: Collection[str]) -> str:
    """Return the highest directory above a path that is not known; where all are, the one that it lies in."""
    directory = posixpath.dirname(path)
    while directory not in known and (above := posixpath.dirname(directory)) not in known and above != "/":
        directory = above
    return directory
