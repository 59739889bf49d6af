"""The data directory as a whole: what of it is kept in a backup, who uses it, and a restore that was interrupted."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ktrdr import disk
from ktrdr.disk import flush, hold
from ktrdr.errors import BadRequestError, ConflictError
from ktrdr.settings import Settings
from ktrdr.store_address import SqliteFile

LOCK: Final = ".lock"
READY: Final = ".restore.ready"
"""A restore whose new content is complete and checked; `old` in it gets what was there before."""
MOVED: Final = ".restore.moved"
"""The same, once all that was there before lies in `old`."""
NEW: Final = "new"
OLD: Final = "old"
WORK: Final = ".restore-"
SNAPSHOT: Final = ".backup-"
BESIDE: Final = ("-wal", "-shm", "-journal")
NOT_OURS: Final = ("lost+found",)


def database_of(settings: Settings) -> Path:
    """Return the SQLite file; BadRequestError if the database is not a file in the data directory itself."""
    if not isinstance(settings.database, SqliteFile):
        message = (
            f"The database is {settings.database}: back it up and restore it with its own tools (pg_dump), and copy"
            " the data directory after that."
        )
        raise BadRequestError("database_elsewhere", message)
    if settings.database.path.parent.absolute() != settings.data_dir.absolute():
        message = f"{settings.database} does not lie in the data directory: name one there in KTRDR_DATABASE_URL."
        raise BadRequestError("database_elsewhere", message)
    return settings.database.path


def entries(root: Path, database: Path) -> list[Path]:
    """Return what a backup keeps, but for the database: series, and directories such as that of the models."""
    found = [path for path in root.iterdir() if path.suffix == ".csv" and path.is_file()]
    found += [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]
    ours = (path for path in found if not path.name.startswith(".") and path.name not in NOT_OURS)
    return sorted(path for path in ours if path.name != database.name)


def files_of_database(database: Path) -> list[Path]:
    """Return the database's files that exist."""
    names = (database.name, *(database.name + suffix for suffix in BESIDE))
    return [path for name in names if (path := database.with_name(name)).exists()]


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Use the data directory while no backend does; ConflictError if one uses it, or another restore."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if hold(handle) is False:
            message = "A backend uses this data directory: stop it first (docker compose stop backend), then try again."
            raise ConflictError("backend_running", message)
        yield
    finally:
        os.close(handle)


class Claim:
    """A backend's claim on its data directory. Several backends may share one; a restore never runs beside them."""

    def __init__(self, root: Path, database: Path | None) -> None:
        self._root, self._database = root, database
        self._handle: int | None = None

    def take(self) -> bool:
        """Claim the directory, and end a restore that was interrupted; False while another process restores.

        A directory that cannot be written to is claimed by nobody; the store tells why.
        """
        if self._handle is not None:
            return True
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return True
        if self._database and interrupted(self._root) and hold(handle) is not False:
            settle(self._root, self._database)
        if hold(handle, shared=True) is False or interrupted(self._root):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give it up."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


def interrupted(root: Path) -> bool:
    """Return whether a restore has been interrupted between the old content and the new."""
    return (root / READY).is_dir() or (root / MOVED).is_dir()


def settle(root: Path, database: Path) -> None:
    """Put new content that is ready into its place. If that is interrupted, the next call goes on from there."""
    ready, moved = root / READY, root / MOVED
    if ready.is_dir():
        (ready / OLD).mkdir(exist_ok=True)
        for path in (*entries(root, database), *files_of_database(database)):
            path.rename(ready / OLD / path.name)
        flush(root)
        flush(ready / OLD)
        ready.rename(moved)
        flush(root)
    if moved.is_dir():
        for path in (moved / NEW).iterdir():
            path.rename(root / path.name)
        flush(root)
        discard(moved)


def undo(root: Path, database: Path) -> None:
    """Put the old content back, wherever `settle` has failed."""
    ready, moved = root / READY, root / MOVED
    if moved.is_dir():
        for path in (*entries(root, database), *files_of_database(database)):
            path.rename(moved / NEW / path.name)
        moved.rename(ready)
    if ready.is_dir():
        if (ready / OLD).is_dir():
            for path in (ready / OLD).iterdir():
                path.rename(root / path.name)
        flush(root)
        discard(ready)


def sweep(root: Path) -> None:
    """Remove what a backup or a restore left whose process died."""
    disk.sweep(root, SNAPSHOT, WORK)


def discard(work: Path) -> None:
    """Remove a directory of ours, at once for everybody who looks for it."""
    grave = work.with_name(f"{WORK}{secrets.token_hex(8)}")
    work.rename(grave)
    flush(grave.parent)
    shutil.rmtree(grave, ignore_errors=True)
