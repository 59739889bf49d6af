"""Debian packages as they lie on a file system: names, versions, licences, from the package database's own text."""

import posixpath
import re
from collections.abc import Iterator

from deploy.dpkg_status import INSTALLED, Record, records_in
from verify.contents.files import LIST, PACKAGES
from verify.contents.filesystem import FileSystem, takes
from verify.contents.model import Package
from verify.contents.raw_layer import NOTHING

INFO = "/var/lib/dpkg/info/"
_LICENCE = re.compile(r"(?m)^License:[ \t]*(\S.*?)[ \t]*$")
_FORMAT = re.compile(r"(?im)\AFormat:.*copyright-format")


def read(system: FileSystem) -> list[Package]:
    """Return the installed packages (dpkg(1), the status file), sorted by name.

    A package is of the layer that has its list of files, or of a later one in which its version or state changed.
    """
    found, since, known = [], dict[Record, int](), set[Record]()
    lists = {_package(path): entry.layer for path, entry in system.merged.items() if LIST.match(path)}
    for number, records in _databases(system):
        since |= dict.fromkeys(records - known, number)
        known = records
    for record in known:
        if record.state == INSTALLED:
            texts = system.texts.get(posixpath.join("/usr/share/doc", record.name, "copyright"), "")
            layer = max(lists.get(record.name, 0), since[record])
            values = {"name": record.name, "version": record.version, "architecture": record.architecture}
            found.append(Package(**values, layer=layer, licences=licences(texts)))
    return sorted(found, key=lambda package: (package.name, package.architecture, package.version))


def gone(system: FileSystem) -> dict[str, tuple[str, int]]:
    """Return the packages that an earlier layer has installed and that are not whole now, with why and which layer."""
    found, known = dict[str, tuple[str, int]](), set[str]()
    for number, records in _databases(system):
        states = {record.name: record.state for record in records}
        installed = {name for name, state in states.items() if state == INSTALLED}
        found |= {name: (states.get(name) or "gone", number) for name in known - installed - found.keys()}
        found = {name: why for name, why in found.items() if name not in installed}
        known |= installed
    lists = {path for layer in system.layers for path in layer.paths if LIST.match(path)} - system.merged.keys()
    lacking = {_package(path): ("without its list of files", system.removed_in(path)) for path in lists}
    return {name: why for name, why in lacking.items() if name in known} | found


def _databases(system: FileSystem) -> Iterator[tuple[int, set[Record]]]:
    """Yield each layer that writes or removes the status file, and the records in that file then."""
    for number, layer in enumerate(system.layers):
        if PACKAGES in layer.paths:
            yield number, records_in(layer.facts.get(PACKAGES, NOTHING).text or "")
        elif takes(layer, PACKAGES):
            yield number, set()


def owners(system: FileSystem) -> dict[str, str]:
    """Return path -> package for the files that packages' lists above the lowest layer have, and for the lists' own."""
    found = {path: _package(path) for path in system.merged if path.startswith(INFO)}
    for path in [path for path in found if LIST.match(path) and system.merged[path].layer]:
        for directory, name in map(posixpath.split, system.texts.get(path, "").splitlines()):
            found[posixpath.join(system.follow(directory), name)] = found[path]
    return found


def _package(path: str) -> str:
    """Return whose file this is, among the database's files of each package (dpkg(1))."""
    return posixpath.basename(path).rpartition(".")[0].partition(":")[0]


def licences(text: str) -> list[str]:
    """Return the licences' short names that a machine-readable copyright file uses (DEP-5), each once."""
    return list(dict.fromkeys(_LICENCE.findall(text))) if _FORMAT.search(text) else []
