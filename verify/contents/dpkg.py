"""Debian packages as they lie on a file system: names, versions, licences, from the package database's own text.

Why not python-debian: it reads the database of a file system, and here are texts from layers.
"""

import posixpath
import re
from email.parser import HeaderParser

from verify.contents.files import LIST, PACKAGES
from verify.contents.filesystem import FileSystem
from verify.contents.model import Package

INFO = "/var/lib/dpkg/info/"
_LICENCE = re.compile(r"(?m)^License:[ \t]*(\S.*?)[ \t]*$")
_FORMAT = re.compile(r"(?im)\AFormat:.*copyright-format")


def read(system: FileSystem) -> list[Package]:
    """Return the installed packages (dpkg(1), the status file), sorted by name.

    A package is of the layer that has its list of files; without a list, of the layer that has the status file.
    """
    found, texts = [], system.texts
    lists = {_package(path): entry.layer for path, entry in system.merged.items() if LIST.match(path)}
    for paragraph in re.split(r"\n\n+", texts.get(PACKAGES, "").strip()):
        headers = HeaderParser().parsestr(paragraph)
        name, state = headers.get("Package", ""), headers.get("Status", "")
        if name and state.split()[-1:] == ["installed"]:
            copyright_ = texts.get(posixpath.join("/usr/share/doc", name, "copyright"), "")
            version, architecture = headers.get("Version", ""), headers.get("Architecture", "")
            layer = lists.get(name, system.merged[PACKAGES].layer)
            known = licences(copyright_)
            found.append(Package(name=name, version=version, architecture=architecture, layer=layer, licences=known))
    return sorted(found, key=lambda package: (package.name, package.architecture))


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
