"""The data directory on disk: write access, durable writes, and the files of interrupted uploads."""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

UNSUPPORTED: Final = (errno.EBADF, errno.EINVAL)
"""Errors of file systems without this operation; some network file systems have none for directories."""

ABANDONED_AFTER_S: Final = 3600.0
"""Several backends may share a data directory: a younger file may belong to another one's upload."""


def flush(path: Path) -> None:
    """Wait until a file's content, or a directory's names, are on the disk; OSError if the disk fails."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(handle)


def abandoned(root: Path, prefix: str) -> Iterator[Path]:
    """Yield the paths that begin with `prefix` and have not changed for an hour: their upload's process has died."""
    for path in root.glob(prefix + "*"):
        with contextlib.suppress(FileNotFoundError):  # the upload has just ended
            if time.time() - path.lstat().st_mtime > ABANDONED_AFTER_S:
                yield path


def unwritable(directory: Path) -> str | None:
    """Return why this process may not write to the data directory, and the next step; None if it may.

    The text contains no path, because every client of the health route reads it.
    """
    try:
        status, flags = directory.stat(), os.statvfs(directory).f_flag
    except OSError:
        return None  # the cause is another
    uid = os.geteuid()
    if flags & os.ST_RDONLY:
        return "the data directory is on a read-only file system: mount a volume there"
    if os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        return None
    owner = f"it belongs to uid {status.st_uid}, with mode {stat.S_IMODE(status.st_mode):o}"
    mend = f"give it to uid {uid} (docker run --tmpfs /data:uid={uid}, or chown {uid} on the host)"
    return f"the data directory is not writable by uid {uid}: {owner}; {mend}"
