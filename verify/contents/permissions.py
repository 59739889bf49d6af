"""What owner, group and mode of files let an image's user do (inode(7)), as the layers give them."""

import posixpath
import stat
from collections.abc import Iterable

from verify.contents.accounts import Numbers
from verify.contents.filesystem import FileSystem
from verify.contents.raw_layer import Permissions

FOR_EVERYBODY = ("/home/", "/tmp/", "/var/tmp/")  # noqa: S108 - where users may write
KEPT = 100  # paths


def writable(system: FileSystem, user: Numbers, meant: Iterable[str]) -> dict[str, int]:
    """Return the files and directories above the lowest layer that the user may write, with the layer that lets him.

    Paths below one of the directories in ``meant``, each with a slash at its end, or FOR_EVERYBODY are left out.
    """
    found = {
        path: layer
        for path, (layer, (uid, gid, mode)) in system.permissions.items()
        if uid == user.uid or mode & stat.S_IWOTH or (gid in user.gids and mode & stat.S_IWGRP)
    }
    allowed = (*meant, *FOR_EVERYBODY)
    return _first({path: layer for path, layer in found.items() if not f"{path}/".startswith(allowed)})


def _first(found: dict[str, int]) -> dict[str, int]:
    """Return KEPT paths: of the highest layers, since the lower ones may be the base image's."""
    return dict(sorted(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:KEPT]))


def unreadable(system: FileSystem, user: Numbers, needed: Iterable[str]) -> dict[str, int]:
    """Return which of the files that are needed, and of the directories above them, the user may not read."""
    wanted = set[str]()
    for path in needed:
        while path not in wanted:
            wanted.add(path)
            path = posixpath.dirname(path)  # noqa: PLW2901 - on the way up
    directories = {path for layer in system.layers for path in layer.directories}
    return _first(
        {
            path: layer
            for path, (layer, permissions) in system.permissions.items()
            if path in wanted and _lacks(permissions, user, 0o5 if path in directories else 0o4)
        }
    )


def _lacks(permissions: Permissions, user: Numbers, bits: int) -> bool:
    """Whether the class of users that this user belongs to lacks one of these bits; root lacks none."""
    uid, gid, mode = permissions
    shift = 6 if uid == user.uid else 3 if gid in user.gids else 0
    return user.uid != 0 and (mode >> shift) & bits != bits


def privileged(system: FileSystem) -> dict[str, int]:
    """Return the files that are setuid or setgid, or have capabilities, with their layer; the base's count, too."""
    given = {(number, path) for number, layer in enumerate(system.layers) for path in layer.privileged}
    return {path: entry.layer for path, entry in sorted(system.merged.items()) if entry.inode in given}
