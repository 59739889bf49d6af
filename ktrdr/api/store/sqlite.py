"""The store in a SQLite file, with a write-ahead log: one writer at a time, any number of backends on one host."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from ktrdr.api.store.connection import Connection, Row, StoreError
from ktrdr.disk import unwritable

BUSY_TIMEOUT_S: Final = 5.0


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
                self._db.execute("PRAGMA journal_mode = WAL")
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

    def schema_version(self) -> int:
        """Return the user version from the file's header."""
        (row,) = self.rows("PRAGMA user_version")
        return int(row["user_version"])

    def set_schema_version(self, version: int) -> None:
        """Store it in the file's header, as part of the transaction."""
        self.rows(f"PRAGMA user_version = {version}")


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StoreError("the file has been removed; restart the backend") from None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise errors as StoreError."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(getattr(error, "strerror", None) or str(error)) from error
