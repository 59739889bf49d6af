"""The SQLite file: opening it, bringing it to the present schema, and transactions."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ktrdr.errors import UnavailableError

MIGRATIONS: Final = (
    """
    CREATE TABLE operations (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        operation_id TEXT NOT NULL UNIQUE,
        operation_type TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at REAL NOT NULL,
        started_at REAL,
        completed_at REAL,
        progress TEXT NOT NULL,
        request TEXT NOT NULL,
        error_code TEXT,
        error_message TEXT,
        result_summary TEXT,
        worker_id TEXT,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        retry_of TEXT
    );
    CREATE INDEX operations_by_status ON operations (status, position);
    CREATE TABLE workers (
        worker_id TEXT PRIMARY KEY,
        worker_type TEXT NOT NULL,
        status TEXT NOT NULL,
        endpoint_url TEXT NOT NULL,
        capabilities TEXT NOT NULL,
        registered_at REAL NOT NULL,
        last_seen REAL NOT NULL,
        last_used REAL NOT NULL DEFAULT 0
    );
    """,
)
"""Scripts that bring the schema from version N to N + 1; never edited once released, only added to."""

BUSY_TIMEOUT_S: Final = 5.0


class Database:
    """One connection, used by one thread at a time. Opened late, so that a broken file is a reported state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = "not opened yet"
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @property
    def schema_version(self) -> int:
        """The version of the schema that this code works with."""
        return len(MIGRATIONS)

    def open(self) -> str | None:
        """Open the file and migrate it; return what is wrong, or None. Does nothing where it is open already."""
        with self._lock:
            if self._connection is None:
                try:
                    self._connection = self._connect()
                except (OSError, sqlite3.Error) as error:
                    self.problem = f"{self.path.name} cannot be opened: {error}"
                else:
                    self.problem = None
            return self.problem

    def close(self) -> None:
        """Close the file; opening it again is allowed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self.problem = "closed"

    def check(self) -> str | None:
        """Return why the store cannot be written to at this moment, or None."""
        with self._lock:
            if self._connection is None:
                return self.open()
            try:
                if not self.path.exists():
                    return f"{self.path.name} has been removed"
                with self.transaction() as connection:
                    connection.execute("SELECT 1 FROM operations LIMIT 1")
            except (OSError, sqlite3.Error, UnavailableError) as error:
                return f"{self.path.name} cannot be used: {error}"
            return None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a write transaction; UnavailableError where the store is not open."""
        with self._lock:
            if self._connection is None:
                raise UnavailableError("store_unavailable", f"The store is unusable: {self.problem}.")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise UnavailableError("store_unavailable", f"The store is unusable: {error}.") from error
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA temp_store = MEMORY")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > self.schema_version:
            msg = f"it has schema {version}, this ktrdr knows up to {self.schema_version}; use a newer ktrdr"
            raise sqlite3.DatabaseError(msg)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
