"""The store for the application: opened late, one transaction at a time, reconnected after an outage."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Final

from ktrdr.api.store.connection import Connection, LostError, StoreError
from ktrdr.api.store.migrations import MIGRATIONS, is_behind, migrate
from ktrdr.api.store.sqlite import SqliteConnection
from ktrdr.errors import UnavailableError
from ktrdr.store_address import Address, SqliteFile

log = logging.getLogger(__name__)

NOT_OPENED: Final = "not opened yet"
CLOSED: Final = "closed"
CHECK_WAIT_S: Final = 1.0
STATEMENT_S: Final = 4.0
MIGRATION_S: Final = 3600.0


class Database:
    """One connection, used by one thread at a time. It opens late, so that a broken store is a state to report."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.problem: str | None = NOT_OPENED
        self.openings = 0  # a new number means that the connection was lost in between
        self._damage: str | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @property
    def kind(self) -> str:
        """Which database it is: sqlite or postgresql."""
        return "sqlite" if isinstance(self.address, SqliteFile) else "postgresql"

    @property
    def schema_version(self) -> int:
        """The version of the schema that this code works with."""
        return len(MIGRATIONS)

    def open(self) -> str | None:
        """Connect and migrate; return the problem, or None. Does nothing if it is open already."""
        with self._lock:
            if self._connection is None:
                self._connect()
            return self.problem

    def close(self) -> None:
        """Close it; opening it again is allowed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self.problem = None, CLOSED

    def condemn(self, damage: str) -> None:
        """Write nothing any more, until a restart: what is damaged may lose more by each change."""
        log.error("store: %s", damage)
        self._damage = damage

    def check(self) -> str | None:
        """Return why the store cannot be written to at this moment, or None. It never opens the store; `open` does."""
        if self._damage:
            return self._damage
        if not self._lock.acquire(timeout=CHECK_WAIT_S):
            return self.problem or f"{self.address} has not answered for {CHECK_WAIT_S:.0f} s"
        self._lock.release()
        try:
            with self.transaction() as db:
                db.rows("SELECT 1 FROM operations LIMIT 1")
        except (StoreError, UnavailableError) as error:
            return self.problem or f"{self.address} cannot be used: {error}"
        return None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield the connection inside a write transaction; UnavailableError if there is none."""
        with self._lock:
            db = self._begin()
            try:
                yield db
                db.commit()
            except LostError as error:
                self._drop(f"{self.address} was lost: {error}")
                raise
            except BaseException:
                db.rollback()
                raise

    def _begin(self) -> Connection:
        if self._damage:
            raise _unusable(self._damage)
        for _ in range(2):
            if self._connection is None:
                break
            try:
                self._connection.begin()
            except LostError as error:
                # Nothing has been written yet, so a server's restart costs no request.
                self._drop(f"{self.address} was lost: {error}")
                self._connect()
            except StoreError as error:
                self._connection.rollback()
                raise _unusable(str(error)) from error
            else:
                return self._connection
        raise _unusable(self.problem or f"{self.address} is lost again and again")

    def _connect(self) -> None:
        try:
            self._connection = connect(self.address)
        except StoreError as error:
            self._note(f"{self.address} cannot be opened: {error}")
        else:
            self.openings += 1
            self._note(None)

    def _drop(self, problem: str) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._note(problem)

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            log.error("store: %s", problem)
        elif problem is None and self.problem not in (NOT_OPENED, CLOSED):
            log.warning("store: %s can be used again", self.address)
        self.problem = problem


def _unusable(reason: str) -> UnavailableError:
    return UnavailableError("store_unavailable", f"The store is unusable: {reason}.")


def connect(address: Address) -> Connection:
    """Return a connection to a database whose schema is up to date; StoreError if that is not possible."""
    connection = open_connection(address)
    try:
        if is_behind(connection, MIGRATIONS):
            with contextlib.closing(open_connection(address, MIGRATION_S)) as patient:
                migrate(patient, MIGRATIONS)
                with contextlib.suppress(StoreError):  # another backend is at work: the file is as good as it was
                    patient.compact()
    except BaseException:
        connection.close()
        raise
    return connection


def open_connection(address: Address, patience_s: float = STATEMENT_S) -> Connection:
    """Return a connection to a database as it is; StoreError if that is not possible.

    A server may take `patience_s` seconds per statement.
    """
    if isinstance(address, SqliteFile):
        return SqliteConnection(address.path)
    from ktrdr.api.store.postgres import PostgresConnection  # noqa: PLC0415  the driver is loaded only for a server

    return PostgresConnection(address, patience_s)
