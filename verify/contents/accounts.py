"""An image's accounts (passwd(5), shadow(5), group(5)): which of them are open. No password is kept."""

import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from verify.contents.filesystem import FileSystem
from verify.contents.raw_layer import NOTHING

FILES = ("/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow")
SECRET = ("/etc/gshadow", "/etc/gshadow-", "/etc/shadow", "/etc/shadow-")  # what only root and a group may read
GROUPS = FILES[:2]  # where no password means that nobody may join (newgrp(1))
SHOWN = 8  # accounts that are gone, in a finding
FIELDS = 4  # of each line that are kept
HIDDEN, USABLE = "*", "$"  # written in place of a password that opens nothing, and of one that does
_HASH_AT_LEAST = 13  # characters (crypt(5)); a shorter text matches nothing that anybody could type
_FIRST_OF_PEOPLE = 1000  # the system's users and groups have lower numbers (Debian policy, 9.2.2)


class Numbers(NamedTuple):
    """A user's number and those of its groups."""

    uid: int
    gids: frozenset[int]


def without_passwords(text: str) -> str:
    """Return the first four fields of each line. Of a password they say whether it is empty or opens anything."""
    return "\n".join(":".join(_hidden(*line.split(":")[:FIELDS])) for line in text.splitlines())


def _hidden(name: str, *rest: str) -> list[str]:
    if not rest or not rest[0]:
        return [name, *rest]
    opens = rest[0][0] not in "!*" and len(rest[0]) >= _HASH_AT_LEAST
    return [name, USABLE if opens else HIDDEN, *rest[1:]]


def _rows(texts: Mapping[str, str], path: str) -> list[list[str]]:
    """Return the lines that have all their fields, as far as these are kept."""
    rows = (line.split(":") for line in texts.get(path, "").splitlines() if line[:1] != "#")
    return [row for row in rows if len(row) >= FIELDS]


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else -1


def numbers(user: str, texts: Mapping[str, str]) -> Numbers:
    """Return the user and the groups that an engine gives an image's processes.

    ``user``: the configuration's. A name that the image does not know is -1, and so is a text that is no number.
    """
    name, _, group = user.partition(":")
    accounts = [row for row in _rows(texts, "/etc/passwd") if name and name in (row[0], row[2].strip())]
    groups = _rows(texts, "/etc/group")
    uid = _number(accounts[0][2] if accounts else name)
    if group:
        gids = {_number(group), *(_number(row[2]) for row in groups if row[0] == group)}
    else:
        gids = {_number(row[3]) for row in accounts}
    names = {row[0] for row in accounts}
    gids |= {_number(row[2]) for row in groups if names & set(row[3].split(","))}
    return Numbers(uid, frozenset(gids - {-1}))


def faults(system: FileSystem, user: str) -> list[str]:
    """Return what opens an account or a group: no password, one that somebody may know, or root's number.

    A file that could not be read is a fault, too, and so is an account of the lowest layer that is gone. ``user``: as
    of :func:`numbers`; it has one name, and a group of its own.
    """
    found = [*_gone(system), *_readable(system), *_shared(system.texts, numbers(user, system.texts).uid)]
    for path in sorted(path for path in FILES if path in system.merged):
        if path not in system.texts:
            found.append(f"{path} is a link, or too large to be read")
            continue
        found += _opened(path, system.texts[path])
    return found


def _gone(system: FileSystem) -> Iterator[str]:
    """Yield the accounts that the lowest layer has, and the image has no more."""
    lowest = system.layers[0].facts if system.layers else {}
    for path in FILES:
        known = lowest.get(path, NOTHING).text or ""
        left = {row[0] for row in _rows(system.texts, path)}
        gone = [row[0] for row in _rows({path: known}, path) if row[0] not in left]
        if gone and (path in system.texts or path not in system.merged):
            more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
            yield f"{path}: accounts of the base image are gone: {', '.join(gone[:SHOWN])}{more}"


def _readable(system: FileSystem) -> Iterator[str]:
    """Yield the files of passwords above the lowest layer that everybody may read."""
    for path in SECRET:
        entry = system.merged.get(path)
        _, (_, _, mode) = system.permissions.get(path, (0, (0, 0, 0o644)))
        if entry and entry.layer and mode & stat.S_IROTH:
            yield f"{path}: everybody may read it"


def _shared(texts: Mapping[str, str], uid: int) -> Iterator[str]:
    """Yield what a user other than root shares: its number with another name, its group with root."""
    own = [row for row in _rows(texts, "/etc/passwd") if uid > 0 and _number(row[2]) == uid]
    if len(own) > 1:
        yield f"/etc/passwd: {' and '.join(row[0] for row in own)} have the same number {uid}"
    yield from (f"/etc/passwd: the group of {row[0]} is root's" for row in own if _number(row[3]) == 0)


def groups(system: FileSystem, user: str) -> dict[str, int]:
    """Return the system's groups whose rights the image's user has, with the lowest layer that knows each.

    That is those with a low number. A group that no layer knows counts for the lowest layer. Who is named in
    /etc/gshadow may join the group, or let others join it (gshadow(5)).
    """
    known: dict[int, int] = {}
    names: dict[int, str] = {}
    for layer, raw in enumerate(system.layers):
        for row in _rows({GROUPS[0]: raw.facts.get(GROUPS[0], NOTHING).text or ""}, GROUPS[0]):
            known.setdefault(_number(row[2]), layer)
            names[_number(row[2])] = row[0]
    mine = numbers(user, system.texts)
    own = {row[0] for row in _rows(system.texts, "/etc/passwd") if _number(row[2]) == mine.uid}
    joined = {
        row[0]
        for row in _rows(system.texts, GROUPS[1])
        if own & {name for field in row[2:] for name in field.split(",")}
    }
    gids = {*mine.gids, *(gid for gid, name in names.items() if name in joined)}
    return {names.get(gid, str(gid)): known.get(gid, 0) for gid in sorted(gids) if gid < _FIRST_OF_PEOPLE}


def _opened(path: str, text: str) -> list[str]:
    found = []
    for name, *rest in (line.split(":") for line in text.splitlines() if line[:1] != "#"):
        if rest and not rest[0] and path not in GROUPS:
            found.append(f"{path}: {name or 'somebody'} has no password")
        if rest and rest[0] == USABLE:
            found.append(f"{path}: {name or 'somebody'} has a password")
        if path == "/etc/passwd" and name != "root" and len(rest) > 1 and not rest[1].strip(" +-0"):
            found.append(f"{path}: {name or 'somebody'} is root by number")
    return found
