"""Checkpoints of trainings: files on the disk, named by the operations' rows, which lose them when the training ends.

A training that its worker left behind keeps its checkpoint, and the operation that repeats it takes it over.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ktrdr.api.services.held import Held
from ktrdr.api.store import operations, workers
from ktrdr.api.store.database import Database
from ktrdr.disk import Arriving, sweep
from ktrdr.errors import ConflictError, NotFoundError
from ktrdr.model_files import BLOCK, require_digest

PREFIX: Final = ".incoming-"
LEFT_BEHIND: Final = 20
"""So many trainings that have ended keep a checkpoint; that of the earliest goes first."""


class Checkpoints:
    """At most one file a training."""

    def __init__(self, database: Database, held: Held, root: Path) -> None:
        self._database = database
        self._held = held
        self._root = root

    def incoming(self, caller: workers.Caller, operation_id: str, expected_digest: str) -> "Incoming":
        """Return a place for the next checkpoint; ConflictError unless the caller has been given that training."""
        self._require(caller, operation_id)
        return Incoming(self, self._root, caller, operation_id, expected_digest)

    def path(self, operation_id: str) -> Path:
        """Return an operation's checkpoint, whose name ends with its digest; NotFoundError if it has none."""
        with self._database.transaction() as db:
            row = operations.get(db, operation_id)
        if row is None:
            raise NotFoundError("no_operation", f"No operation {operation_id}.")
        if row["checkpoint"] is None:
            raise NotFoundError("no_checkpoint", f"Operation {operation_id} has no checkpoint.")
        return self._root / str(row["checkpoint"])

    def take(self, caller: workers.Caller, operation_id: str, arrived: Arriving, name: str) -> None:
        """Make a whole file the checkpoint of a training that the caller still holds."""
        self._require(caller, operation_id)
        with self._database.transaction() as db:
            row = operations.get(db, operation_id)
            if row is None or row["status"] in operations.FINAL:
                raise ConflictError("operation_finished", f"Operation {operation_id} has ended.")
            operations.set_checkpoint(db, operation_id, name)
            arrived.place(self._root / name)  # before the commit: another backend sees row and file, or neither
        if row["checkpoint"] not in (None, name):
            (self._root / str(row["checkpoint"])).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove files that no operation names, and what dead uploads left behind."""
        # First the files: one that lies there belongs to a transaction that is seen then.
        found = {path.name for path in self._root.glob("[!.]*")}
        if found:
            with self._database.transaction() as db:
                operations.forget_checkpoints(db, LEFT_BEHIND)
                known = operations.checkpoints(db)
            for name in found - known:
                (self._root / name).unlink(missing_ok=True)
        sweep(self._root, PREFIX)

    def _require(self, caller: workers.Caller, operation_id: str) -> None:
        row = self._held.operation(caller)
        if row["operation_id"] != operation_id or row["operation_type"] != "training":
            message = f"This worker holds {row['operation_id']}: it keeps checkpoints of that, if it is a training."
            raise ConflictError("not_its_worker", message, {"operation_id": row["operation_id"]})


class Incoming(Arriving):
    """A checkpoint on its way: feed it chunks, then `finish`. A context manager, which keeps all or none."""

    def __init__(
        self, owner: Checkpoints, root: Path, caller: workers.Caller, operation_id: str, expected_digest: str
    ) -> None:
        super().__init__(root, PREFIX)
        self._owner, self._caller, self._operation_id = owner, caller, operation_id
        self._expected = expected_digest
        self._digest = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        """Accept the next bytes."""
        self._digest.update(chunk)
        self.file.write(chunk)

    def finish(self) -> None:
        """Keep it; InvalidError if the digest is wrong, ConflictError if the training has ended meanwhile."""
        require_digest(self._digest.hexdigest(), self._expected)
        self.settle()  # before the transaction: it takes long for a large one
        self._owner.take(self._caller, self._operation_id, self, f"{self._operation_id}.{self._expected}")


def blocks(path: Path) -> tuple[int, Iterator[bytes]]:
    """Return a checkpoint's length and its bytes; NotFoundError if it has gone meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFoundError("no_checkpoint", "The checkpoint has just been replaced; ask again.") from None

    def read() -> Iterator[bytes]:
        with file:
            while block := file.read(BLOCK):
                yield block

    return os.fstat(file.fileno()).st_size, read()
