"""Python distributions as they lie on a file system: names, versions, and which files each owns."""

import base64
import contextlib
import csv
import functools
import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from packaging.utils import canonicalize_name

SITE = re.compile(r"/(?:site|dist)-packages/")
# What an installer writes into .dist-info by itself (PyPA, recording installed projects; uv)
NOTES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
SIZE = re.compile(r"[0-9]{1,18}")
LICENCE_NAME = 100  # characters; longer is a licence's text, not its name


@dataclass(frozen=True)
class Installed:
    """One ``.dist-info`` directory (PyPA, recording installed projects)."""

    name: str  # normalized
    version: str
    path: str  # of the directory
    licence: str = ""  # in the words of its metadata; "" where it names none


@dataclass(frozen=True)
class Row:
    """A line of a RECORD: a file, and what is said of it."""

    path: str  # absolute
    sha256: str  # hexadecimal; "" for none, or for another digest
    size: int | None

    @property
    def vouches(self) -> bool:
        """Whether it says what the file is, and not only that there is one."""
        return bool(self.sha256) and self.size is not None


def read(texts: Mapping[str, str]) -> tuple[list[Installed], dict[str, str]]:
    """Return the distributions and who owns which file, given the texts of METADATA and RECORD files by path.

    A distribution in a directory that Python does not install into counts too, unless another one owns it: what a
    distribution vendors is part of that one, what merely lies there is not.
    """
    found = installed(texts)
    owner = owners(found, texts)
    known = {one.path for one in found}
    stray = {
        path: text
        for path, text in texts.items()
        if posixpath.basename(path) == "METADATA" and path not in owner and posixpath.dirname(path) not in known
    }
    found += [_one(path, text) for path, text in stray.items()]
    return sorted(found, key=lambda one: (one.name, one.path)), owner


def _one(path: str, text: str) -> Installed:
    headers = HeaderParser().parsestr(text)
    name, version = headers.get("Name", ""), headers.get("Version", "")
    return Installed(canonicalize_name(name), version, posixpath.dirname(path), _licence(headers))


def _licence(headers: Message) -> str:
    """Return the licence: the expression, else the older field where it is a name, else the classifiers."""
    for field in ("License-Expression", "License"):
        text = str(headers.get(field, "")).strip()
        if text and "\n" not in text and len(text) <= LICENCE_NAME:
            return text
    classifiers = [str(one) for one in headers.get_all("Classifier", []) if str(one).startswith("License ::")]
    return ", ".join(one.rpartition(" :: ")[2] for one in classifiers)


def installed(metadata: Mapping[str, str]) -> list[Installed]:
    """Return the distributions whose METADATA text is given by path, sorted by name.

    Only those in a directory that Python installs into: what another distribution vendors is part of that one.
    """
    found = []
    for path, text in metadata.items():
        site = posixpath.basename(posixpath.dirname(posixpath.dirname(path)))
        if posixpath.basename(path) == "METADATA" and site in ("site-packages", "dist-packages"):
            found.append(_one(path, text))
    return sorted(found, key=lambda one: (one.name, one.path))


def owners(distributions: Iterable[Installed], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return absolute path -> distribution name for every file that a RECORD vouches for (PyPA, the RECORD file).

    A line without digest or size says nothing of the file, so anything could lie there; RECORD's own cannot have them.
    """
    return {
        row.path: one.name
        for one in distributions
        for row in recorded(one, metadata)
        if row.vouches or row.path == f"{one.path}/RECORD"
    }


def recorded(one: Installed, metadata: Mapping[str, str]) -> tuple[Row, ...]:
    """Return the lines of a distribution's RECORD; of a damaged one those before the damage."""
    return _rows(posixpath.dirname(one.path), metadata.get(posixpath.join(one.path, "RECORD"), ""))


@functools.lru_cache(maxsize=256)  # an image's, each of which is asked for several times
def _rows(site: str, text: str) -> tuple[Row, ...]:
    found = []
    with contextlib.suppress(csv.Error):
        for row in csv.reader(text.splitlines()):
            if row:
                algorithm, _, digest = "".join(row[1:2]).partition("=")
                size = "".join(row[2:3])
                path = posixpath.normpath(posixpath.join(site, row[0]))
                sha256 = _hexadecimal(digest) if algorithm == "sha256" else ""
                found.append(Row(path, sha256, int(size) if SIZE.fullmatch(size) else None))
    return tuple(found)


def fingerprint(one: Installed, metadata: Mapping[str, str]) -> str:
    """Return a digest of what a RECORD says of the files that its wheel brought; "" where it says nothing.

    The wheel decides it, whoever installs it and where: the installer's notes, bytecode and scripts are left aside.
    """
    site = f"{posixpath.dirname(one.path)}/"
    rows = sorted(
        f"{row.path.removeprefix(site)} {row.sha256}"
        for row in recorded(one, metadata)
        if row.sha256 and row.path.startswith(site) and not row.path.endswith(".pyc")
        if posixpath.dirname(row.path) != one.path or posixpath.basename(row.path) not in NOTES
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:32] if rows else ""


def _hexadecimal(digest: str) -> str:
    """Return a RECORD's digest (urlsafe base64 without padding) in hexadecimal; of a damaged one the text itself."""
    try:
        return base64.urlsafe_b64decode(f"{digest}==").hex()  # padding that is not needed is passed over
    except ValueError:
        return digest


def unowned(paths: Iterable[str], owner: Mapping[str, str]) -> list[str]:
    """Return the files where Python finds packages that no RECORD vouches for; compiled bytecode is its source's.

    Bytecode that Python would run without any source (PEP 3147) is nobody's, whatever a RECORD says: a fingerprint of
    RECORDs leaves all bytecode out.
    """
    return sorted(
        path
        for path in paths
        if SITE.search(path) and (_is_sourceless(path) or not (owner.get(path) or owner.get(_source(path))))
    )


def _is_sourceless(path: str) -> bool:
    return path.endswith(".pyc") and posixpath.basename(posixpath.dirname(path)) != "__pycache__"


def bytes_by_owner(sizes: Mapping[str, int], owner: Mapping[str, str]) -> dict[str, int]:
    """Sum file sizes by owning distribution, largest first; ``""`` for what none owns.

    Bytecode that was compiled after the installation belongs to whoever owns its source.
    """
    total: Counter[str] = Counter()
    for path, size in sizes.items():
        total[owner.get(path) or owner.get(_source(path), "")] += size
    return {name: size for name, size in total.most_common() if size}


def _source(path: str) -> str:
    """Return the source file of cached bytecode (PEP 3147), the path itself for any other file."""
    directory, name = posixpath.split(path)
    if posixpath.basename(directory) != "__pycache__" or not name.endswith(".pyc"):
        return path
    return posixpath.join(posixpath.dirname(directory), name.partition(".")[0] + ".py")
