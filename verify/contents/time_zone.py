"""The system's time zone (localtime(5)): a link to a zone, or a copy of one (RFC 9636), and Debian's name of it.

It imports the standard library only, as all that :mod:`verify.contents.in_place` does.
"""

import posixpath

from verify.contents.filesystem import FileSystem

PATH, NAMED = "/etc/localtime", "/etc/timezone"
ZONES = "/usr/share/zoneinfo/"
UNIVERSAL = "UTC0"  # the rule of universal time, in the words of a file's last line
_MAGIC = b"TZif"
_NAMES = ("UTC", "UCT", "Universal", "Zulu")  # of universal time


def text(path: str, data: bytes) -> str:
    """Return the rule in a time zone file's last line, "" for any other file; of NAMED what it says."""
    if path == NAMED:
        return data.decode("utf-8", "replace").strip()
    lines = data.split(b"\n")
    return lines[-2].decode("utf-8", "replace") if data.startswith(_MAGIC) and len(lines) > 2 else ""  # noqa: PLR2004


def faults(system: FileSystem) -> dict[str, int]:
    """Return what is wrong with the time zone, with the layer: not a zone, or another one than the lowest layer's.

    Without a time zone the system has universal time.
    """
    return {**_zone(system), **_name(system)}


def _name(system: FileSystem) -> dict[str, int]:
    entry = system.merged.get(NAMED)
    due = next((raw.facts[NAMED].text for raw in system.layers[:1] if NAMED in raw.facts), None) or _NAMES[0]
    said = entry.facts.text or "" if entry else due
    same = said == due or {posixpath.basename(said), posixpath.basename(due)} <= {*_NAMES}
    return (
        {}
        if entry is None or not entry.layer or same
        else {f"{NAMED} (it says {said or 'nothing'}, not {due})": entry.layer}
    )


def _zone(system: FileSystem) -> dict[str, int]:
    entry, target = system.merged.get(PATH), next((raw.links.get(PATH) for raw in system.layers[:1]), None)
    if entry is None or not entry.layer:
        return {}
    base = posixpath.normpath(posixpath.join(posixpath.dirname(PATH), target)) if target else ""
    due, end = system.resolve(base) if base else None, system.resolve(PATH)
    if end and due and system.merged[end].inode == system.merged[due].inode:
        return {}
    if entry.target is None:
        universal = not base or posixpath.basename(base) in _NAMES
        if universal and entry.facts.text == UNIVERSAL:
            return {}
        why = f"the time zone {entry.facts.text}" if entry.facts.text else "no time zone"
    elif end is None or not end.startswith(ZONES):
        why = f"it leads to {entry.target}, which is no time zone"
    elif not due:
        return {}
    else:
        why = f"it leads to {entry.target}"
    return {f"{PATH} ({why}{f', not to {base}' * bool(base)})": entry.layer}
