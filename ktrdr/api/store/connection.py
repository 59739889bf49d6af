"""What the store needs of either database: one connection, named parameters, rows by column name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

Row = dict[str, Any]


class StoreError(Exception):
    """The database refused or failed; the message says why and holds no secret."""


class LostError(StoreError):
    """The connection is lost; a new one may work."""


class FullError(StoreError):
    """The disk under the database is full."""


class Connection(ABC):
    """A connection for one thread at a time. Every statement runs between `begin` and `commit` or `rollback`.

    SQL is written once, in the dialect that SQLite and PostgreSQL share; `types` holds the names that differ.
    """

    types: ClassVar[Mapping[str, str]]
    """The column types `{position}` (a growing key) and `{seconds}` (a double) of the migrations."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a write transaction; the database has one at a time over all its connections."""

    @abstractmethod
    def rows(self, sql: str, **values: str | float | None) -> list[Row]:
        """Run one statement with `:name` parameters; return the selected rows."""

    @abstractmethod
    def commit(self) -> None:
        """Commit the transaction."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo the transaction; never raises."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; never raises."""

    @abstractmethod
    def schema_version(self) -> int:
        """Return the version of the database's schema, 0 if it has none."""

    @abstractmethod
    def set_schema_version(self, version: int) -> None:
        """Store the version of the schema in the present transaction."""

    @abstractmethod
    def compact(self) -> None:
        """Prepare a database that an earlier ktrdr has made for `release`; outside of a transaction."""

    @abstractmethod
    def release(self, pages: int) -> bool:
        """Return at most so many free pages to the disk; tell whether more are due."""

    def row(self, sql: str, **values: str | float | None) -> Row | None:
        """Run one statement; return the first row, or None."""
        return next(iter(self.rows(sql, **values)), None)
