"""Debian packages as they lie on a file system: names, versions, licences, from the package database's own text.

Why not python-debian: it reads the database of a file system, and here are texts from layers.
"""

import posixpath
import re
from collections.abc import Mapping
from email.parser import HeaderParser

from verify.contents.files import PACKAGES
from verify.contents.model import Package

_LICENCE = re.compile(r"(?m)^License:[ \t]*(\S.*?)[ \t]*$")
_FORMAT = re.compile(r"(?im)\AFormat:.*copyright-format")


def read(texts: Mapping[str, str]) -> list[Package]:
    """Return the installed packages (dpkg(1), the status file), sorted by name.

    ``texts``: those of the status and copyright files, by path.
    """
    found = []
    for paragraph in re.split(r"\n\n+", texts.get(PACKAGES, "").strip()):
        headers = HeaderParser().parsestr(paragraph)
        name, state = headers.get("Package", ""), headers.get("Status", "")
        if name and state.split()[-1:] == ["installed"]:
            copyright_ = texts.get(posixpath.join("/usr/share/doc", name, "copyright"), "")
            version, architecture = headers.get("Version", ""), headers.get("Architecture", "")
            found.append(Package(name=name, version=version, architecture=architecture, licences=licences(copyright_)))
    return sorted(found, key=lambda package: (package.name, package.architecture))


def licences(text: str) -> list[str]:
    """Return the licences' short names that a machine-readable copyright file uses (DEP-5), each once."""
    return list(dict.fromkeys(_LICENCE.findall(text))) if _FORMAT.search(text) else []
