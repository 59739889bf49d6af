"""What becomes of the operation of a worker that leaves: one that is told to end, or one that is lost.

Nothing here makes an operation cancelled unless a person has asked for that.
"""

import json
from typing import Final

from ktrdr.api.store import operations
from ktrdr.api.store.connection import Connection, Row
from ktrdr.errors import WORKER_SHUTDOWN

WORKER_LOST: Final = "worker_lost"


def told_to_end(db: Connection, row: Row, now: float, *, retry: bool) -> str | None:
    """End an operation whose worker was told to end, or return it to its place in the queue if it has not begun.

    With `retry` it is queued anew, and goes on from its checkpoint; return the new id. That happens once: not to an
    operation that repeats one which ended so.
    """
    if _ended_early(db, row, now):
        return None
    worker_id, operation_id = row["worker_id"], row["operation_id"]
    anew = repeat(db, row, row["operation_type"], now) if retry and not _repeats_such(db, row) else None
    rest = f"it is queued anew as {anew}" if anew else "retry the operation"
    message = f"Worker {worker_id} was told to end while it worked on this; {rest}.{_going_on(row)}"
    operations.finish(db, operation_id, "failed", now, error=(WORKER_SHUTDOWN, message), left_behind=anew is None)
    return anew


def lost(db: Connection, row: Row, now: float) -> None:
    """End an operation whose worker was lost, or return it to its place in the queue if it has not begun."""
    if _ended_early(db, row, now):
        return
    message = f"Worker {row['worker_id']} was lost while it worked on this; retry the operation.{_going_on(row)}"
    operations.finish(db, row["operation_id"], "failed", now, error=(WORKER_LOST, message), left_behind=True)


def repeat(db: Connection, row: Row, kind: operations.OperationType, now: float) -> str:
    """Queue an operation's request again and return the new id; the new operation takes the checkpoint over."""
    operation_id: str = row["operation_id"]
    anew = operations.add(db, kind, json.loads(row["request"]), now, operation_id)
    if row["checkpoint"]:
        operations.set_checkpoint(db, operation_id, None)
        operations.set_checkpoint(db, anew, row["checkpoint"])
    return anew


def _ended_early(db: Connection, row: Row, now: float) -> bool:
    """Do what needs no word on the worker: hand back what has not begun, cancel what a person has cancelled."""
    if row["status"] == "pending":
        operations.hand_out(db, row["operation_id"], None)
    elif row["cancel_requested"]:
        operations.finish(db, row["operation_id"], "cancelled", now)
    else:
        return False
    return True


def _repeats_such(db: Connection, row: Row) -> bool:
    first = operations.get(db, row["retry_of"]) if row["retry_of"] else None
    return first is not None and first["error_code"] == WORKER_SHUTDOWN


def _going_on(row: Row) -> str:
    return " It goes on from its last checkpoint." if row["checkpoint"] else ""
