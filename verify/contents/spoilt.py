"""What the lowest layer has and later layers take away or make untrue: packages, directories, the time zone."""

import re

from verify.contents import dpkg, time_zone
from verify.contents.filesystem import READ, FileSystem, add_directories

# What an image may do without; what is READ is told as replaced
EXPENDABLE = re.compile(
    rf"{READ.pattern}|/usr/share/.+|/usr/local/(?:share|man)/.+|/var/(?:cache|log)/.+|/var/lib/apt/lists(?:/.*)?"
    r"|/(?:var/)?tmp/.+|.*/(?:\.cache|__pycache__)(?:/.*)?"
)


def spoilt(system: FileSystem) -> dict[str, int]:
    """Return what is not as in the lowest layer, with the reason in brackets, and the layer that made it so."""
    return {**_directories(system), **time_zone.faults(system), **_packages(system)}


def _packages(system: FileSystem) -> dict[str, int]:
    return {f"package {name} ({why})": layer for name, (why, layer) in sorted(dpkg.gone(system).items())}


def _directories(system: FileSystem) -> dict[str, int]:
    """Return the directories that are gone. Those below one that is gone, too, are left out."""
    gone = dict[str, int]()
    known = _directories_of(system, 0) if system.layers else set[str]()
    for number, layer in enumerate(system.layers[1:], 1):
        removed = {*layer.removed, *layer.paths}
        below = tuple(f"{path}/" for path in (*removed, *layer.emptied))
        gone |= {path: number for path in known - gone.keys() if path in removed or path.startswith(below)}
        for path in _directories_of(system, number) & gone.keys():
            del gone[path]
    above = tuple(f"{path}/" for path in gone)
    return {
        f"directory {path} (gone)": layer
        for path, layer in sorted(gone.items())
        if not path.startswith(tuple(one for one in above if one != f"{path}/")) and not EXPENDABLE.fullmatch(path)
    }


def _directories_of(system: FileSystem, number: int) -> set[str]:
    layer = system.layers[number]
    found = {*layer.directories}
    add_directories(found, [*layer.directories, *layer.paths])
    return found - {"/"}
