"""The one set of rules by which a member of a layer counts, whether it comes from an archive or from a directory."""

import hashlib
import json
import posixpath
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Literal, TypeVar

from verify.contents import files, nested_archives
from verify.contents.raw_layer import NOTHING, Facts, RawLayer, UnreadableArchive

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"  # how archives write what a layer removes (OCI image layer)
# A backslash in a name that looks like the escape of an undecodable byte. It becomes an escape itself.
ESCAPE = re.compile(r"\\(?=x(?:5cx)*[89a-f][0-9a-f])")
# Bytes. Programs name no path of more than 4,096 (path_resolution(7)), and an engine's directory stands before it.
LONGEST = 3500
EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
Kind = Literal["directory", "link", "hard link", "file", "other", "whiteout", "opaque"]
Misplaced = list[tuple[str, str]]  # kind, path
T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """One entry of a layer, without what its file holds. Paths begin at the layer's root."""

    path: str  # of a whiteout: what the layer removes; of an opaque mark: the directory that it empties
    kind: Kind
    size: int = 0  # bytes
    target: str = ""  # of a link
    owner: int = 0
    group: int = 0
    mode: int = 0
    modified: int = 0  # seconds (stat(2), st_mtime)
    capable: bool = False  # it has file capabilities (capabilities(7))
    listed: bool = False  # it has an access control list (acl(5))


def shown(path: str) -> str:
    """Return a path that can be written as UTF-8: other bytes become escapes, and no other name looks like one."""
    path = ESCAPE.sub(r"\\x5c", path)
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_too_long(path: str) -> bool:
    """Whether nobody reads below this path: engines neither do that nor say so."""
    return len(path) > LONGEST // 4 and len(path.encode()) > LONGEST


def look_into(member: Member, stream: IO[bytes]) -> tuple[Facts, Misplaced]:
    """Read a regular file: its facts, and what in it does not belong in a layer.

    Its own name says nothing: who owns a file is for the judge to say.
    """
    path, size = member.path, member.size
    head, facts = files.examine(path, size, stream, member.modified)
    found = [(kind, path) for kind in files.by_content(path, head, size)]
    if nested_archives.is_archive(head):
        inside = nested_archives.look_into(head, stream, files.of_a_member)
        found += [(kind, shown(f"{path}{inner}")) for kind, inner in inside]
    return facts, found


def add(layer: RawLayer, member: Member, facts: Facts = NOTHING, found: Iterable[tuple[str, str]] = ()) -> None:
    """Add a member to a layer; ``facts`` and ``found`` are a regular file's, as look_into gives them."""
    path = member.path
    if is_too_long(posixpath.dirname(path)):
        return
    if is_too_long(path):
        layer.misplaced.append(("path too long", f"{path[:100]}…"))
    if member.kind in ("whiteout", "opaque"):
        (layer.removed if member.kind == "whiteout" else layer.emptied).append(path)
        return
    named_so = posixpath.basename(path).startswith(WHITEOUT)
    if named_so:  # no deletion here, but one on the engine that imports the image
        layer.misplaced.append(("whiteout", path))
    if member.kind == "directory":
        layer.directories.add(path)
    elif member.kind == "link":
        layer.links[path] = member.target
    elif member.kind == "hard link":
        layer.hard[path] = member.target
    elif member.kind == "other" and not named_so:
        layer.removed.append(path)  # a device, a pipe or a socket holds nothing, and hides what lay there
        layer.special.append(path)
    elif member.kind == "file":
        layer.sizes[path] = member.size
        if member.mode & (stat.S_ISUID | stat.S_ISGID) or member.capable:
            layer.privileged.append(path)
        if member.mode & EXECUTABLE:
            layer.executable.append(path)
        if facts != NOTHING:
            layer.facts[path] = facts
    if member.listed:
        layer.misplaced.append(("access control list", path))
    if member.kind in ("directory", "file"):
        layer.stamps[path] = member.modified, stat.S_IMODE(member.mode), member.owner, member.group
        _take_permissions(layer, member)
    layer.misplaced += found


def _take_permissions(layer: RawLayer, member: Member) -> None:
    everybody = stat.S_IROTH | (stat.S_IXOTH if member.kind == "directory" else 0)
    if member.owner or member.group or member.mode & stat.S_IWOTH or ~member.mode & everybody:
        layer.permissions[member.path] = member.owner, member.group, stat.S_IMODE(member.mode)


def settle(layer: RawLayer) -> None:
    """Bring a layer into the one order that does not depend on how it was read.

    Of hard links the file is the first in a walk by name, as engines write archives; the others lead to it. A hard link
    of a symbolic link is one, too. The root counts only where its permissions are unusual: few archives have it.
    """
    names: dict[str, list[str]] = {}
    for path in layer.hard:
        names.setdefault(_end(layer.hard, path), []).append(path)
    for end, paths in names.items():
        if end in layer.links:
            layer.links |= dict.fromkeys(paths, layer.links[end])
            for path in paths:
                del layer.hard[path]
            continue
        first = min((end, *paths), key=lambda path: path.split("/")) if end in layer.sizes else end
        if first != end:
            _rename(layer, end, first)
            paths.append(end)
        layer.hard |= dict.fromkeys(paths, first)
        layer.hard.pop(first, None)
    if "/" not in layer.permissions:
        layer.directories.discard("/")
    layer.sizes, layer.links, layer.hard = _sorted(layer.sizes), _sorted(layer.links), _sorted(layer.hard)
    layer.facts, layer.permissions = _sorted(layer.facts), _sorted(layer.permissions)
    layer.removed, layer.emptied = sorted(set(layer.removed)), sorted(set(layer.emptied))
    layer.special = sorted(set(layer.special))
    layer.misplaced = sorted(set(layer.misplaced), key=lambda found: (found[1], found[0]))
    layer.privileged, layer.executable = sorted(set(layer.privileged)), sorted(set(layer.executable))
    layer.stamps.pop("/", None)
    layer.listing, layer.stamps = _listing(layer), {}


def _listing(layer: RawLayer) -> str:
    """Return a digest of all that was read of a settled layer, and of the times, modes and owners in it."""
    parts = {name: value for name, value in vars(layer).items() if name not in ("listing", "way")}
    text = json.dumps(parts, sort_keys=True, default=lambda one: sorted(one) if isinstance(one, set) else vars(one))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _end(hard: Mapping[str, str], path: str) -> str:
    """Return the path to which hard links lead; where they lead in a circle, the last before it closes."""
    passed = {path}
    while path in hard and hard[path] not in passed:
        path = hard[path]
        passed.add(path)
    return path


def _rename(layer: RawLayer, old: str, new: str) -> None:
    """Let a file be known by another of its names: all that its content says goes with it."""
    facts = files.renamed(layer.facts.get(old, NOTHING), old, new)
    if facts is None:
        raise UnreadableArchive(f"{new} is a hard link of {old}, as which it was read: that says other things")
    layer.facts.pop(old, None)
    layer.facts |= {new: facts} if facts != NOTHING else {}
    for values in (layer.sizes, layer.permissions, layer.stamps):
        if old in values:
            values[new] = values.pop(old)  # type: ignore[assignment]  # each keeps its own kind of value
    layer.privileged = [new if path == old else path for path in layer.privileged]
    layer.executable = [new if path == old else path for path in layer.executable]
    for number, (kind, path) in enumerate(layer.misplaced):
        if (path == old and kind not in ("whiteout", "path too long")) or path.startswith(
            (f"{old}!/", f"{old} (")
        ):  # by name
            layer.misplaced[number] = kind, new + path.removeprefix(old)


def _sorted(values: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(values.items()))
