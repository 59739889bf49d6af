"""What the store asks of a database, whichever it is: one connection, named parameters, rows by column name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

Row = dict[str, Any]


class StoreError(Exception):
    """The database refused or failed; the message says why and holds no secret."""


class LostError(StoreError):
    """The connection is of no use any more; another one may be."""


class Connection(ABC):
    """A connection. For one thread at a time; every statement runs between `begin` and `commit` or `rollback`.

    SQL is written once, in the dialect that SQLite and PostgreSQL share; `types` fills what they name differently.
    """

    types: ClassVar[Mapping[str, str]]
    """The column types `{position}` (a growing key) and `{seconds}` (a double) of the migrations."""

    @abstractmethod
    def begin(self) -> None:
        """Begin the one write transaction that the database has at a time, whoever else is connected to it."""

    @abstractmethod
    def rows(self, sql: str, **values: str | float | None) -> list[Row]:
        """Run one statement with `:name` parameters; return what it selects."""

    @abstractmethod
    def commit(self) -> None:
        """Make the transaction last."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo the transaction; never raises."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; never raises."""

    @abstractmethod
    def schema_version(self) -> int:
        """Return the version of the schema that the database holds, 0 where it holds none."""

    @abstractmethod
    def set_schema_version(self, version: int) -> None:
        """Note the version of the schema, in the present transaction."""

    def row(self, sql: str, **values: str | float | None) -> Row | None:
        """Run one statement; return the first row, or None."""
        return next(iter(self.rows(sql, **values)), None)
