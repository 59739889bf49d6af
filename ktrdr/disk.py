"""The data directory on disk: write access, free room, durable writes, and the files of interrupted uploads."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

UNSUPPORTED: Final = (errno.EBADF, errno.EINVAL)
"""Errors of file systems without this operation; some network file systems have none for directories."""

YOUNG_S: Final = 30.0
"""Whoever makes a file holds it a moment later. So a young one that nobody holds is left alone."""
ABANDONED_AFTER_S: Final = 3600.0
"""Where the file system has no locks, an upload counts as dead after this time without a change."""
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
RESERVE: Final = 8_000_000
"""Bytes. With less free room the disk counts as full, while the store can still write what work is under way."""


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


def hold(handle: int, *, shared: bool = False) -> bool | None:
    """Hold an open file or directory until its handle is closed or this process ends (flock(2)).

    Return whether that was possible: False if another process holds it, None if the file system has no locks.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def held(path: Path) -> int:
    """Open and hold a file or directory that this process has made; return the handle."""
    handle = os.open(path, os.O_RDONLY)
    hold(handle)
    return handle


class Arriving:
    """A file on its way, held beside the place that it is to take: it is whole there, or nothing of it stays.

    Its name begins with `prefix`. A context manager; leaving it removes what has not been placed. OSError if the disk
    fails.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        hold(handle)  # a slow upload is not taken for an abandoned one
        self.path = Path(name)
        self.file = os.fdopen(handle, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            with contextlib.suppress(OSError):  # nothing is kept that `settle` did not flush
                self.file.close()
        finally:
            self.path.unlink(missing_ok=True)

    def settle(self) -> None:
        """Wait until all that was written is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def place(self, target: Path) -> os.stat_result:
        """Put it into its place, in which readers see the old file or this one; return its status there."""
        with contextlib.suppress(OSError):
            self.path.chmod(0o644)
        self.settle()
        status = os.fstat(self.file.fileno())
        self.path.replace(target)
        flush(target.parent)
        return status


def write_whole(target: Path, content: bytes, prefix: str) -> None:
    """Write a file at once, as `Arriving` does."""
    with Arriving(target.parent, prefix) as arriving:
        arriving.file.write(content)
        arriving.place(target)


def abandoned(root: Path, prefix: str) -> Iterator[Path]:
    """Yield the paths that begin with `prefix` and that no process holds: their upload's process has died.

    Several backends may share a data directory, so each holds what it is taking in.
    """
    for path in root.glob(prefix + "*"):
        with contextlib.suppress(FileNotFoundError):  # the upload has just ended
            age = time.time() - path.lstat().st_mtime
            if age <= YOUNG_S or path.is_symlink():
                continue
            handle = os.open(path, os.O_RDONLY)
            try:
                mine = hold(handle)
                if mine or (mine is None and age > ABANDONED_AFTER_S):
                    yield path
            finally:
                os.close(handle)


def sweep(root: Path, *prefixes: str) -> None:
    """Remove the files and directories of uploads whose process died."""
    for prefix in prefixes:
        for path in abandoned(root, prefix):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def full(*directories: Path) -> str | None:
    """Return how little room is left where data are written, and the next step; None if there is enough.

    The text contains no path, because every client of the health route reads it.
    """
    for directory in directories:
        try:
            room = os.statvfs(directory)
        except OSError:
            continue  # the cause is another
        free = room.f_bavail * room.f_frsize
        if free < RESERVE:
            need = f"{RESERVE / 1e6:.0f} MB are needed"
            return f"disk full: {free / 1e6:.1f} MB are free where the data lie, and {need}; make room there"
        if room.f_files and not room.f_favail:
            return "disk full: no file can be added where the data lie; remove files there"
    return None


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
