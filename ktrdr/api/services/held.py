"""What only the worker that has been given an operation may add to it, and what a completed one may result in."""

import json
from typing import Any

from ktrdr.api.store import operations, workers
from ktrdr.api.store.connection import Row
from ktrdr.api.store.database import Database
from ktrdr.errors import ConflictError
from ktrdr.names import model_name


class Held:
    """Tells by a registration's token which operation its worker holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def operation(self, caller: workers.Caller) -> Row:
        """Return the operation that the caller has been given and has not ended; ConflictError if there is none."""
        with self._database.transaction() as db:
            worker_id = workers.with_token(db, caller.token) if caller.token else None
            row = operations.of_worker(db, worker_id) if worker_id else None
        if caller.token and worker_id is None:
            raise ConflictError("worker_replaced", f"The registration from {caller.address} holds no more.")
        if row is None:
            who = f"Worker {worker_id}" if worker_id else "Who sends no X-Worker-Token"
            message = f"{who} holds no operation: only its own worker adds to one."
            raise ConflictError("not_its_worker", message)
        return row

    def require_model(self, caller: workers.Caller, name: str) -> None:
        """Raise ConflictError unless the caller has been given the training that makes the model of this name."""
        _require_own(self.operation(caller), f"models/{name}")

    def require_result(self, operation_id: str, result: dict[str, Any] | None) -> None:
        """Raise InvalidError or ConflictError unless a worker's operation may end with this result.

        An operation that is unknown is not looked at.
        """
        with self._database.transaction() as db:
            row = operations.get(db, operation_id)
        if row is None or row["operation_type"] not in operations.WORKER_TYPE:
            return
        from ktrdr.api.results import require_valid  # noqa: PLC0415  a backend starts without a result to check

        require_valid(row["operation_type"], result)
        if row["operation_type"] == "training":
            _require_own(row, (result or {})["model_path"])


def _require_own(row: Row, path: str) -> None:
    own = model_name(json.loads(row["request"]).get("strategy_name", ""), row["operation_id"])
    if row["operation_type"] != "training" or path != f"models/{own}":
        makes = f"the model models/{own}" if row["operation_type"] == "training" else "no model"
        message = f"Operation {row['operation_id']} makes {makes}; {path[:120]} is not its own."
        raise ConflictError("not_its_model", message, {"operation_id": row["operation_id"]})
