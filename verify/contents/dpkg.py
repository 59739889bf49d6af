"""Debian packages as they lie on a file system: names, versions, licences, from the package database's own text."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser

STATUS = "/var/lib/dpkg/status"
_COPYRIGHT = re.compile(r"/usr/share/doc/([^/]+)/copyright$")
_LICENCE = re.compile(r"(?m)^License:[ \t]*(\S.*?)[ \t]*$")
_FORMAT = re.compile(r"(?im)\AFormat:.*copyright-format")


@dataclass(frozen=True)
class Debian:
    """One installed package (dpkg(1), the status file)."""

    name: str
    version: str
    architecture: str
    licences: tuple[str, ...]  # short names of its machine-readable copyright file; none where it has no such file


def is_package_text(path: str) -> bool:
    """Whether a file tells which packages are installed, or under which licences."""
    return path == STATUS or _COPYRIGHT.match(path) is not None


def read(texts: Mapping[str, str]) -> list[Debian]:
    """Return the installed packages, sorted by name, given the texts of status and copyright files by path."""
    found = []
    for paragraph in re.split(r"\n\n+", texts.get(STATUS, "").strip()):
        headers = HeaderParser().parsestr(paragraph)
        name, state = headers.get("Package", ""), headers.get("Status", "")
        if name and state.split()[-1:] == ["installed"]:
            copyright_ = texts.get(posixpath.join("/usr/share/doc", name, "copyright"), "")
            version, architecture = headers.get("Version", ""), headers.get("Architecture", "")
            found.append(Debian(name, version, architecture, licences(copyright_)))
    return sorted(found, key=lambda one: (one.name, one.architecture))


def licences(text: str) -> tuple[str, ...]:
    """Return the licences' short names that a machine-readable copyright file uses (DEP-5), each once."""
    return tuple(dict.fromkeys(_LICENCE.findall(text))) if _FORMAT.search(text) else ()
