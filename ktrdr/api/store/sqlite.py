"""The store in a SQLite file, with a write-ahead log: one writer at a time, any number of backends on one host."""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from ktrdr.api.store.connection import Connection, FullError, Row, StoreError
from ktrdr.disk import FULL, unwritable

BUSY_TIMEOUT_S: Final = 5.0
INCREMENTAL: Final = 2
"""PRAGMA auto_vacuum: free pages go back to the disk on demand (SQLite documentation, "pragma.html")."""
COMPACTED_AT_MOST: Final = 1 << 30
"""Bytes. Rewriting a file takes a second or two for each GiB of 2026's disks; a larger one stays as it is."""
SPARE_PAGES: Final = 4096
"""16 MiB that stay in the file: the next operations need them."""
LOG_AT_MOST: Final = 16 << 20
DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
MEND: Final = "stop the backend, and restore a backup: ktrdr restore FILE --replace"
INSTRUCTIONS: Final = 100_000
"""Of SQLite's machine: so often a check looks whether it is to stop, some hundred times a second."""


class SqliteConnection(Connection):
    """A connection to a file, which is created if it does not exist."""

    types: ClassVar[Mapping[str, str]] = {"position": "INTEGER PRIMARY KEY AUTOINCREMENT", "seconds": "REAL"}

    def __init__(self, path: Path) -> None:
        """Open the file; StoreError if that fails."""
        self._path = path
        try:
            with _told():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        except StoreError as error:
            raise StoreError(unwritable(path.parent) or str(error)) from error
        try:
            with _told():
                self._db.row_factory = sqlite3.Row
                if not self._number("page_count"):  # only before anything is written, even the mark of WAL
                    self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute(f"PRAGMA journal_size_limit = {LOG_AT_MOST}")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute("PRAGMA temp_store = MEMORY")
                self._file = _identity(path)
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Wait up to BUSY_TIMEOUT_S for other writers; StoreError if the file is not the one that was opened."""
        with _told():
            if _identity(self._path) != self._file:
                # Writing on would go into a deleted file.
                raise StoreError("the file has been replaced; restart the backend")
            self._db.execute("BEGIN IMMEDIATE")

    def rows(self, sql: str, **values: str | float | None) -> list[Row]:
        """Run one statement."""
        with _told():
            return [dict(row) for row in self._db.execute(sql, values)]

    def commit(self) -> None:
        """Commit the transaction."""
        with _told():
            self._db.commit()

    def rollback(self) -> None:
        """Undo the transaction."""
        with contextlib.suppress(sqlite3.Error):
            self._db.rollback()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def compact(self) -> None:
        """Rewrite a file that an earlier ktrdr made, unless it is too large; StoreError if another backend writes."""
        size = self._path.stat().st_size
        if self._number("auto_vacuum") == INCREMENTAL or size > COMPACTED_AT_MOST:
            return
        if shutil.disk_usage(self._path.parent).free < 3 * size:
            return  # the file, its copy, and the log
        with _told():
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._db.execute("VACUUM")

    def release(self, pages: int) -> bool:
        """Cut free pages off the file's end, but for SPARE_PAGES."""
        spare = self._number("freelist_count") - SPARE_PAGES
        if spare <= 0 or self._number("auto_vacuum") != INCREMENTAL:
            return False
        with _told():
            for _ in range(min(pages, spare)):
                # Python takes one step of a statement without rows, and SQLite frees one page at each.
                self._db.execute("PRAGMA incremental_vacuum(1)")
        return spare > pages

    def _number(self, pragma: str) -> int:
        (row,) = self.rows(f"PRAGMA {pragma}")
        return int(row[pragma])

    def schema_version(self) -> int:
        """Return the user version from the file's header."""
        return self._number("user_version")

    def set_schema_version(self, version: int) -> None:
        """Store it in the file's header, as part of the transaction."""
        self.rows(f"PRAGMA user_version = {version}")


def examine(path: Path, stopping: threading.Event | None = None) -> str | None:
    """Check a file from end to end (PRAGMA quick_check); return the first damage and the mend, or None.

    It reads beside the backend's own connection and keeps no writer waiting. `stopping` ends it early, with None.
    """
    stop = stopping or threading.Event()
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.set_progress_handler(stop.is_set, INSTRUCTIONS)
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return None if stop.is_set() else f"{path.name} is damaged: {error}; {MEND}"
    return None if found == "ok" else f"{path.name} is damaged: {' '.join(found.split())}; {MEND}"


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StoreError("the file has been removed; restart the backend") from None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise errors as StoreError, with the mend where the file is damaged."""
    try:
        yield
    except OSError as error:
        kind = FullError if error.errno in FULL else StoreError
        raise kind(error.strerror or str(error)) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # an extended code's last byte is the kind
        if code == sqlite3.SQLITE_FULL:
            raise FullError("disk full") from error
        raise StoreError(f"{error}; {MEND}" if code in DAMAGED else str(error)) from error
