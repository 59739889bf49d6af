"""What owner, group and mode of files let an image's user do (inode(7)), by what its layers say."""

import posixpath
import stat
from collections.abc import Container, Iterable, Mapping

from verify.contents.accounts import Numbers
from verify.contents.raw_layer import RawLayer, Rights

FOR_EVERYBODY = ("/home/", "/tmp/", "/var/tmp/")  # noqa: S108 - where users may write
KEPT = 100  # paths


def writable(rights: Mapping[str, Rights], user: Numbers, meant: tuple[str, ...]) -> list[str]:
    """Return the files and directories that the user may write, but for those below ``meant``."""
    found = [
        path
        for path, (uid, gid, mode) in rights.items()
        if uid == user.uid or mode & stat.S_IWOTH or (gid in user.gids and mode & stat.S_IWGRP)
    ]
    return sorted(path for path in found if not f"{path}/".startswith(meant))[:KEPT]


def unreadable(
    rights: Mapping[str, Rights], user: Numbers, needed: Iterable[str], directories: Container[str]
) -> list[str]:
    """Return which of the files that are needed, and of the directories above them, the user may not read."""
    wanted = set[str]()
    for path in needed:
        while path not in wanted:
            wanted.add(path)
            path = posixpath.dirname(path)  # noqa: PLW2901 - on the way up
    return sorted(
        path
        for path, found in rights.items()
        if path in wanted and _lacks(found, user, 0o5 if path in directories else 0o4)
    )[:KEPT]


def _lacks(rights: Rights, user: Numbers, bits: int) -> bool:
    """Whether the class of users that this one belongs to lacks one of these bits; root lacks none."""
    uid, gid, mode = rights
    shift = 6 if uid == user.uid else 3 if gid in user.gids else 0
    return user.uid != 0 and (mode >> shift) & bits != bits


def above_the_lowest(layers: Iterable[RawLayer]) -> dict[str, Rights]:
    """Return the rights of paths as the last layer that has them says, where those are not what most files have."""
    rights: dict[str, Rights] = {}
    for number, layer in enumerate(layers):
        again = {*layer.sizes, *layer.links, *layer.hard, *layer.directories, *layer.removed}
        below = tuple(f"{gone}/" for gone in (*layer.removed, *layer.emptied))
        for path in [path for path in rights if path in again or (below and path.startswith(below))]:
            del rights[path]
        if number:
            rights |= layer.rights
    return rights
