"""The store on a PostgreSQL server, through pg8000: any number of backends on any hosts.

Imported only if the settings name such a server: SQLite alone does not need the driver.
"""

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import pg8000.native  # type: ignore[import-untyped]  # it has no annotations

from ktrdr.api.store.connection import Connection, FullError, LostError, Row, StoreError
from ktrdr.store_address import PostgresServer

SILENCE_S: Final = 1.0
"""Seconds that the network may be silent beyond the time of a statement."""

LOCK: Final = int.from_bytes(b"ktrdr", "big")

DISK_FULL: Final = "53100"
"""PostgreSQL documentation, appendix A: disk_full."""

BEGIN: Final = """
BEGIN READ WRITE;
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '{patience_s}s';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SELECT pg_advisory_xact_lock({lock});
"""
"""What SQLite's BEGIN IMMEDIATE is: one writer at a time, until its transaction ends or its connection does.

A standby refuses READ WRITE, and a backend that is stopped in a transaction does not hold up the others for ever.
"""


class PostgresConnection(Connection):
    """A connection to a server."""

    types: ClassVar[Mapping[str, str]] = {
        "position": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "seconds": "DOUBLE PRECISION",
    }

    def __init__(self, server: PostgresServer, patience_s: float) -> None:
        """Connect; StoreError with the server's or the system's reason if that fails.

        The server may take `patience_s` whole seconds per statement.
        """
        self._begin = BEGIN.format(patience_s=int(patience_s), lock=LOCK)
        with _told():
            self._db = pg8000.native.Connection(
                server.user,
                password=server.password,
                database=server.name,
                timeout=patience_s + SILENCE_S,
                application_name="ktrdr",
                **_where(server),
            )

    def begin(self) -> None:
        """Wait for other backends' transactions; StoreError if that takes too long."""
        with _told():
            self._db.run(self._begin)

    def rows(self, sql: str, **values: str | float | None) -> list[Row]:
        """Run one statement."""
        with _told():
            # JSON and SQLite allow this character in a text, PostgreSQL does not.
            sent = {name: _storable(value) for name, value in values.items()}
            found = self._db.run(sql, **sent) or []
            names = [column["name"] for column in self._db.columns or ()]
            return [dict(zip(names, row, strict=True)) for row in found]

    def commit(self) -> None:
        """Commit the transaction; after a LostError it may be committed or not."""
        with _told():
            self._db.run("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction."""
        try:
            with _told():
                self._db.run("ROLLBACK")
        except StoreError:
            # A late answer would be taken for the answer to the next statement.
            self.close()

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(StoreError), _told():
            self._db.close()

    def compact(self) -> None:
        """Do nothing: a server keeps its files by itself (autovacuum)."""

    def release(self, pages: int) -> bool:  # noqa: ARG002  the other database's
        """Do nothing, as above."""
        return False

    def schema_version(self) -> int:
        """Return the version in the table `ktrdr_schema`."""
        known = self.row("SELECT to_regclass('ktrdr_schema') IS NOT NULL AS made")
        row = self.row("SELECT version FROM ktrdr_schema") if known and known["made"] else None
        return int(row["version"]) if row else 0

    def set_schema_version(self, version: int) -> None:
        """Store it in the table `ktrdr_schema`, which has one row."""
        self.rows("CREATE TABLE IF NOT EXISTS ktrdr_schema (version INTEGER NOT NULL)")
        self.rows("DELETE FROM ktrdr_schema")
        self.rows("INSERT INTO ktrdr_schema (version) VALUES (:version)", version=version)


def _where(server: PostgresServer) -> dict[str, Any]:
    if server.host.startswith("/"):
        return {"unix_sock": str(Path(server.host) / f".s.PGSQL.{server.port}"), "ssl_context": False}
    # pg8000 calls libpq's prefer None and require True; neither checks the certificate.
    words: dict[str, bool | None] = {"disable": False, "prefer": None, "require": True}
    tls = ssl.create_default_context() if server.tls == "verify-full" else words[server.tls]
    return {"host": server.host, "port": server.port, "ssl_context": tls}


def _storable(value: str | float | None) -> str | float | None:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise a refusal of the server as a StoreError, and an unusable connection as a LostError."""
    try:
        yield
    except pg8000.native.DatabaseError as error:
        fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        kind = FullError if fields.get("C") == DISK_FULL else StoreError
        raise kind(fields.get("M") or "the server refused without saying why") from error
    except Exception as error:
        reason = error.__cause__ or error
        raise LostError(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__) from error
