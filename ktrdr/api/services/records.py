"""The records of backtests: their files on the disk, and the operations in the store that they belong to."""

from collections.abc import Iterator

from ktrdr.api.services.held import Held
from ktrdr.api.store import operations, workers
from ktrdr.api.store.database import Database
from ktrdr.errors import ConflictError, NotFoundError
from ktrdr.record_directory import IncomingRecord, RecordDirectory
from ktrdr.records import Kind


class Records:
    """Takes a record from the worker of a running backtest, and gives those of completed ones."""

    def __init__(self, database: Database, held: Held, directory: RecordDirectory) -> None:
        self.directory = directory
        self._held = held
        self._database = database

    def blocks(self, operation_id: str, kind: Kind) -> Iterator[bytes]:
        """Return a record's CSV in blocks; NotFoundError if there is none, ConflictError before the backtest's end."""
        with self._database.transaction() as db:
            row = operations.state(db, operation_id)
        if row is None:
            raise NotFoundError("no_operation", f"No operation {operation_id}.")
        if row["status"] != "completed":
            message = f"Operation {operation_id} is {row['status']}; only completed ones have results."
            raise ConflictError("not_completed", message, {"status": row["status"]})
        return self.directory.blocks(operation_id, kind)

    def incoming(self, operation_id: str, kind: Kind, caller: workers.Caller) -> IncomingRecord:
        """Return a place for a record; ConflictError unless the caller works on that backtest."""
        row = self._held.operation(caller)
        if (row["operation_type"], row["operation_id"]) != ("backtesting", operation_id):
            message = f"Only the worker that has been given the backtest {operation_id} adds {kind} to it."
            raise ConflictError("not_its_worker", message, {"operation_id": row["operation_id"]})
        return self.directory.incoming(operation_id, kind)

    def sweep(self) -> None:
        """Remove the records of operations that are gone, have failed or were cancelled."""
        found = self.directory.operations()  # first: a record comes after its operation, and goes after it
        if found:
            with self._database.transaction() as db:
                found -= operations.with_records(db)
            self.directory.remove(found)
