"""Python distributions as they lie on a file system: names, versions, and which files each owns.

Why not importlib.metadata: it reads the file system that it runs in, and here are texts from layers.
"""

import base64
import contextlib
import csv
import functools
import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from packaging.utils import canonicalize_name

from verify.contents.files import APPLICATION
from verify.contents.filesystem import Entry, FileSystem
from verify.contents.model import Distribution

# Files that an installer writes into .dist-info by itself (PyPA, recording installed projects; uv)
NOTES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
SIZE = re.compile(r"[0-9]{1,18}")
EMPTY = hashlib.sha256().hexdigest()
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
    """A line of a RECORD: a file with its digest and size."""

    path: str  # absolute
    sha256: str  # hexadecimal; "" for none, or for another digest
    size: int | None

    @property
    def vouches(self) -> bool:
        """Whether the line says what the file holds, and not only that there is one."""
        return bool(self.sha256) and self.size is not None


def read(texts: Mapping[str, str]) -> tuple[list[Installed], dict[str, str]]:
    """Return the distributions and who owns which file, given the texts of METADATA and RECORD files by path.

    A distribution in a directory that Python does not install into counts, too. If another distribution owns it, it is
    vendored, and part of that one.
    """
    found = installed(texts)
    owner = owners(found, texts)
    known = {distribution.path for distribution in found}
    stray = {
        path: text
        for path, text in texts.items()
        if posixpath.basename(path) == "METADATA" and path not in owner and posixpath.dirname(path) not in known
    }
    found += [_installed(path, text) for path, text in stray.items()]
    return sorted(found, key=lambda distribution: (distribution.name, distribution.path)), owner


def _installed(path: str, text: str) -> Installed:
    headers = HeaderParser().parsestr(text)
    name, version = headers.get("Name", ""), headers.get("Version", "")
    return Installed(canonicalize_name(name), version, posixpath.dirname(path), _licence(headers))


def _licence(headers: Message) -> str:
    """Return the licence: the expression, else the older field where it is a name, else the classifiers."""
    for field in ("License-Expression", "License"):
        text = str(headers.get(field, "")).strip()
        if text and "\n" not in text and len(text) <= LICENCE_NAME:
            return text
    classifiers = [str(classifier) for classifier in headers.get_all("Classifier", [])]
    licences = [classifier for classifier in classifiers if classifier.startswith("License ::")]
    return ", ".join(licence.rpartition(" :: ")[2] for licence in licences)


def installed(metadata: Mapping[str, str]) -> list[Installed]:
    """Return the distributions whose METADATA text is given by path, sorted by name.

    Only those in a directory that Python installs into: a vendored distribution is part of the one that vendors it.
    """
    found = []
    for path, text in metadata.items():
        site = posixpath.basename(posixpath.dirname(posixpath.dirname(path)))
        if posixpath.basename(path) == "METADATA" and site in ("site-packages", "dist-packages"):
            found.append(_installed(path, text))
    return sorted(found, key=lambda distribution: (distribution.name, distribution.path))


def owners(distributions: Iterable[Installed], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return absolute path -> distribution name for every file that a RECORD vouches for (PyPA, the RECORD file).

    A line without digest or size says nothing of the file, so anything could lie there. RECORD's own line cannot have
    them, and counts.
    """
    return {
        row.path: distribution.name
        for distribution in distributions
        for row in recorded(distribution, metadata)
        if row.vouches or row.path == f"{distribution.path}/RECORD"
    }


def recorded(distribution: Installed, metadata: Mapping[str, str]) -> tuple[Row, ...]:
    """Return the lines of a distribution's RECORD; of a damaged one those before the damage."""
    record = metadata.get(posixpath.join(distribution.path, "RECORD"), "")
    return _rows(posixpath.dirname(distribution.path), record)


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


def fingerprint(distribution: Installed, metadata: Mapping[str, str]) -> str:
    """Return a digest of the lines of RECORD on the files that the wheel brought; "" where there are none.

    It does not depend on the installer or the place: the installer's notes, bytecode and scripts are left out.
    """
    site = f"{posixpath.dirname(distribution.path)}/"
    rows = sorted(
        f"{row.path.removeprefix(site)} {row.sha256}"
        for row in recorded(distribution, metadata)
        if row.sha256 and row.path.startswith(site) and not row.path.endswith(".pyc")
        if posixpath.dirname(row.path) != distribution.path or posixpath.basename(row.path) not in NOTES
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:32] if rows else ""


def wheel_tags(distribution: Installed, metadata: Mapping[str, str]) -> list[str]:
    """Return the tags of the wheel that a distribution came in, sorted (PyPA, the WHEEL file)."""
    text = metadata.get(posixpath.join(distribution.path, "WHEEL"), "")
    return sorted({str(tag).strip() for tag in HeaderParser().parsestr(text).get_all("Tag", [])})


def _hexadecimal(digest: str) -> str:
    """Return a RECORD's digest (urlsafe base64 without padding) in hexadecimal; of a damaged one the text itself."""
    try:
        return base64.urlsafe_b64decode(f"{digest}==").hex()  # padding that is not needed is ignored
    except ValueError:
        return digest


def described(system: FileSystem, installed: Iterable[Installed]) -> list[Distribution]:
    """Return what contents.json holds of each distribution."""
    return [
        Distribution(
            name=distribution.name,
            version=distribution.version,
            path=distribution.path,
            layer=system.merged[f"{distribution.path}/METADATA"].layer,
            licence=distribution.licence,
            record=fingerprint(distribution, system.texts),
            tags=wheel_tags(distribution, system.texts),
        )
        for distribution in installed
    ]


def absent(system: FileSystem, installed: Iterable[Installed]) -> dict[str, list[str]]:
    """Return what RECORDs list and the file system lacks. Bytecode comes and goes (PyPA, the RECORD file)."""
    found = {}
    for distribution in installed:
        listed = (row.path for row in recorded(distribution, system.texts) if not row.path.endswith(".pyc"))
        lacking = sorted(path for path in listed if path not in system.merged and system.resolve(path) is None)
        if lacking:
            found[distribution.path] = lacking
    return found


def altered(system: FileSystem, installed: Iterable[Installed]) -> dict[str, int]:
    """Return the files above the lowest layer that are not what a RECORD says of them, with their layer."""
    rows = (row for distribution in installed for row in recorded(distribution, system.texts))
    entries = ((row, system.merged.get(row.path)) for row in rows)
    found = ((row.path, entry.layer) for row, entry in entries if entry and entry.layer and _differs(entry, row))
    return dict(sorted(found))


def _differs(entry: Entry, row: Row) -> bool:
    """Whether a file differs from its line of a RECORD. A size or digest that the line leaves out cannot differ.

    Wheels hold no links, and a hard link's source outside of the packages was not read, unless it is empty.
    """
    digest = entry.facts.sha256 if entry.size else EMPTY
    unread = row.path.endswith(".py") and digest is None
    other = bool(row.sha256) and (unread or digest not in (None, row.sha256))
    return other or row.size not in (None, entry.size) or entry.target is not None


def uncompiled(
    system: FileSystem, owner: Mapping[str, str], sources: Mapping[str, Mapping[str, str]]
) -> dict[str, int]:
    """Return the distributions above the lowest layer whose modules are all without bytecode, with their layer.

    ``owner``: of each file. ``sources``: the application's files, by path below each of its directories.
    """
    names = {**owner} | {posixpath.join(place, path): APPLICATION for place, paths in sources.items() for path in paths}
    modules, compiled = dict[str, int](), set[str]()
    for path, entry in system.merged.items():
        source = source_of(path)
        if source != path and ".opt-" not in path:
            compiled.add(names.get(source, ""))
        elif entry.layer and path.endswith(".py") and posixpath.basename(posixpath.dirname(path)) != "bin":
            modules[names.get(path, "")] = entry.layer
    return {name: layer for name, layer in sorted(modules.items()) if name and name not in compiled}


def owned(system: FileSystem, installed: Iterable[Installed]) -> set[str]:
    """Return the files that RECORDs of distributions above the lowest layer vouch for, each in its own environment."""
    found = set[str]()
    for distribution in installed:
        site = posixpath.dirname(distribution.path)
        if system.merged[f"{distribution.path}/METADATA"].layer and site.endswith(("/site-packages", "/dist-packages")):
            environment = f"{site.rpartition('/lib/')[0] or site}/"
            rows = [row for row in recorded(distribution, system.texts) if row.path.startswith(environment)]
            found |= {row.path for row in rows if row.vouches or row.path == f"{distribution.path}/RECORD"}
    return found


def is_owned(path: str, owned: Collection[str]) -> bool:
    """Whether a path is one of these, or bytecode of one.

    Bytecode that Python would run without a source (PEP 3147) has no owner, even if a RECORD lists it: a fingerprint of
    RECORDs leaves all bytecode out.
    """
    sourceless = path.endswith(".pyc") and posixpath.basename(posixpath.dirname(path)) != "__pycache__"
    return not sourceless and (path in owned or source_of(path) in owned)


def bytes_by_owner(sizes: Mapping[str, int], owner: Mapping[str, str]) -> dict[str, int]:
    """Sum file sizes by owning distribution, largest first; ``""`` for files without an owner.

    Bytecode that was compiled after the installation belongs to the owner of its source.
    """
    total: Counter[str] = Counter()
    for path, size in sizes.items():
        total[owner.get(path) or owner.get(source_of(path), "")] += size
    return {name: size for name, size in total.most_common() if size}


def source_of(path: str) -> str:
    """Return the source file of cached bytecode (PEP 3147), the path itself for any other file."""
    directory, name = posixpath.split(path)
    if posixpath.basename(directory) != "__pycache__" or not name.endswith(".pyc"):
        return path
    return posixpath.join(posixpath.dirname(directory), name.partition(".")[0] + ".py")
