"""The table of operations: the queue, and the record of all requests to the workers."""

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from ktrdr.api.store import epochs
from ktrdr.api.store.connection import Connection, Row
from ktrdr.json_text import COMPACT, spliced

OperationType = Literal["training", "backtesting", "prediction", "data_load"]
Status = Literal["pending", "running", "completed", "failed", "cancelled"]
FINAL: Final = ("completed", "failed", "cancelled")
Sort = Literal["newest", "oldest", "status", "type"]

WORKER_TYPE: Final = {"training": "training", "backtesting": "backtest", "prediction": "backtest"}
"""The worker type for each operation type; the backend does a data_load itself."""

ORDERS: Final[dict[Sort, str]] = {
    "newest": "position DESC",
    "oldest": "position",
    "status": "status DESC, position DESC",
    "type": "operation_type DESC, position DESC",
}
"""Each is that of an index, from its end: running ones come before pending ones, trainings before backtests."""
PAGE: Final = " ORDER BY {} LIMIT :limit OFFSET :offset"
WITHOUT_RESULTS: Final = (
    "operation_id, operation_type, status, created_at, started_at, completed_at, progress, request, worker_id,"
    " retry_of, cancel_requested, error_code, error_message, NULL AS result_summary"
)


@dataclass(frozen=True)
class Progress:
    """An operation's progress: percentage from 0 to 100, present step, and steps completed of the total."""

    percentage: float = 0.0
    current_step: str = "waiting for a worker"
    steps_completed: int = 0
    steps_total: int = 0


def stamp(moment: float | None) -> str | None:
    """Write epoch seconds as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds") if moment is not None else None


def as_text(row: Row, *, brief: bool = False) -> list[str]:
    """Return the fields that clients see, as JSON text in parts; `brief` leaves out the request's strategy."""
    request = row["request"]
    if brief and '"strategy"' in request:
        kept = {key: value for key, value in json.loads(request).items() if key != "strategy"}
        request = json.dumps(kept, separators=COMPACT)
    metadata = {
        "worker_id": row["worker_id"],
        "retry_of": row["retry_of"],
        "cancel_requested": bool(row["cancel_requested"]),
    }
    return spliced(
        {
            "operation_id": row["operation_id"],
            "operation_type": row["operation_type"],
            "status": row["status"],
            "created_at": stamp(row["created_at"]),
            "started_at": stamp(row["started_at"]),
            "completed_at": stamp(row["completed_at"]),
            "error_code": row["error_code"],
            "error_message": row["error_message"],
        },
        progress=[row["progress"]],
        metadata=spliced(metadata, request=[request]),
        result_summary=[row["result_summary"] or "null"],
    )


def add(db: Connection, kind: OperationType, request: dict[str, Any], now: float, retry_of: str | None = None) -> str:
    """Queue an operation; return its id."""
    operation_id = f"op_{kind}_{datetime.fromtimestamp(now, UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(4)}"
    db.rows(
        "INSERT INTO operations (operation_id, operation_type, status, created_at, progress, request, retry_of)"
        " VALUES (:operation_id, :kind, 'pending', :now, :progress, :request, :retry_of)",
        operation_id=operation_id,
        kind=kind,
        now=now,
        progress=json.dumps(asdict(Progress()), separators=COMPACT),
        request=json.dumps(request, separators=COMPACT),
        retry_of=retry_of,
    )
    return operation_id


def get(db: Connection, operation_id: str) -> Row | None:
    """Return an operation, or None."""
    return db.row("SELECT * FROM operations WHERE operation_id = :operation_id", operation_id=operation_id)


def state(db: Connection, operation_id: str) -> Row | None:
    """Return the type and the status of an operation, without its long texts, or None."""
    return db.row(
        "SELECT operation_type, status FROM operations WHERE operation_id = :operation_id", operation_id=operation_id
    )


def with_records(db: Connection) -> set[str]:
    """Return the ids of the backtests that have records, or may still get some."""
    rows = db.rows(
        "SELECT operation_id FROM operations"
        " WHERE operation_type = 'backtesting' AND status IN ('pending', 'running', 'completed')"
    )
    return {row["operation_id"] for row in rows}


def page(
    db: Connection,
    *,
    status: str | None,
    kind: str | None,
    retry_of: str | None = None,
    limit: int,
    offset: int,
    sort: Sort = "newest",
    brief: bool = False,
) -> tuple[list[Row], int]:
    """Return operations, and how many there are in all; `brief` leaves out their results.

    Those of one status or type stand with the newest first.
    """
    matching, values = _matching(status, kind, retry_of)
    counted = db.row("SELECT COUNT(*) AS number" + matching, **values)
    columns = WITHOUT_RESULTS if brief else "*"
    rows = db.rows(f"SELECT {columns}" + matching + PAGE.format(ORDERS[sort]), **values, limit=limit, offset=offset)
    return rows, counted["number"] if counted else 0


def page_size(
    db: Connection,
    *,
    status: str | None,
    kind: str | None,
    retry_of: str | None = None,
    limit: int,
    offset: int,
    sort: Sort = "newest",
    brief: bool = False,
) -> int:
    """Return how many characters of JSON a page's operations have, without reading them; `brief` as in `page`."""
    result = "0" if brief else "COALESCE(LENGTH(result_summary), 0)"
    size = f"LENGTH(request) + LENGTH(progress) + COALESCE(LENGTH(error_message), 0) + {result} AS size"
    matching, values = _matching(status, kind, retry_of)
    order = PAGE.format(ORDERS[sort])
    rows = db.rows(f"SELECT {size}" + matching + order, **values, limit=limit, offset=offset)
    return sum(row["size"] for row in rows)


def _matching(status: str | None, kind: str | None, retry_of: str | None) -> tuple[str, dict[str, str]]:
    """Return the part of a statement that selects operations, and its parameters.

    It names only what is asked for, because then an index gives count and order, and no other row is read.
    """
    conditions = {"status": status, "operation_type": kind, "retry_of": retry_of}
    given = {name: value for name, value in conditions.items() if value is not None}
    where = " AND ".join(f"{name} = :{name}" for name in given)
    return f" FROM operations{' WHERE ' if where else ''}{where}", given


def waiting(db: Connection, worker_type: str) -> list[Row]:
    """Return id and type of the operations for a type of workers that none has been given, oldest first."""
    rows = db.rows(
        "SELECT operation_id, operation_type FROM operations WHERE status = 'pending' AND worker_id IS NULL"
        " ORDER BY position"
    )
    return [row for row in rows if WORKER_TYPE[row["operation_type"]] == worker_type]


def pending(db: Connection, kind: OperationType) -> int:
    """Return how many operations of a type have not begun."""
    row = db.row(
        "SELECT COUNT(*) AS number FROM operations WHERE status = 'pending' AND operation_type = :kind", kind=kind
    )
    return row["number"] if row else 0


def of_worker(db: Connection, worker_id: str) -> Row | None:
    """Return the operation that a worker has been given and has not finished, or None."""
    return db.row(
        "SELECT * FROM operations WHERE worker_id = :worker_id AND status IN ('pending', 'running')",
        worker_id=worker_id,
    )


def retry_under_way(db: Connection, operation_id: str) -> str | None:
    """Return the id of the operation that repeats another one and has not ended, or None."""
    row = db.row(
        "SELECT operation_id FROM operations WHERE retry_of = :operation_id AND status IN ('pending', 'running')",
        operation_id=operation_id,
    )
    return row["operation_id"] if row else None


def hand_out(db: Connection, operation_id: str, worker_id: str | None) -> None:
    """Assign a pending operation to a worker, or (None) return it to its place in the queue."""
    db.rows(
        "UPDATE operations SET worker_id = :worker_id WHERE operation_id = :operation_id",
        worker_id=worker_id,
        operation_id=operation_id,
    )


def begin(db: Connection, operation_id: str, now: float) -> None:
    """Store that the worker has begun."""
    db.rows(
        "UPDATE operations SET status = 'running', started_at = :now"
        " WHERE operation_id = :operation_id AND status = 'pending'",
        now=now,
        operation_id=operation_id,
    )


def advance(db: Connection, operation_id: str, progress: dict[str, Any]) -> None:
    """Store the progress."""
    db.rows(
        "UPDATE operations SET progress = :progress WHERE operation_id = :operation_id",
        progress=json.dumps(progress),
        operation_id=operation_id,
    )


def finish(
    db: Connection,
    operation_id: str,
    status: Status,
    now: float,
    *,
    error: tuple[str, str] | None = None,
    result: dict[str, Any] | None = None,
    left_behind: bool = False,
) -> None:
    """End an operation that has not ended; `error` is a code and a message.

    Only one that its worker left behind keeps its checkpoint.
    """
    code, message = error or (None, None)
    db.rows(
        "UPDATE operations SET status = :status, completed_at = :now, error_code = :code, error_message = :message,"
        " result_summary = :result, checkpoint = CASE WHEN CAST(:kept AS INTEGER) = 1 THEN checkpoint END"
        " WHERE operation_id = :operation_id AND status IN ('pending', 'running')",
        status=status,
        now=now,
        code=code,
        message=message,
        result=json.dumps(result, separators=COMPACT) if result is not None else None,
        kept=int(left_behind),
        operation_id=operation_id,
    )


def remove(db: Connection, operation_id: str) -> None:
    """Remove an operation, with its result and its epochs."""
    epochs.remove(db, operation_id)
    db.rows("DELETE FROM operations WHERE operation_id = :operation_id", operation_id=operation_id)


def set_checkpoint(db: Connection, operation_id: str, name: str | None) -> None:
    """Store the name of the file from which an operation goes on; None if it has none."""
    db.rows(
        "UPDATE operations SET checkpoint = :name WHERE operation_id = :operation_id",
        name=name,
        operation_id=operation_id,
    )


def checkpoints(db: Connection) -> set[str]:
    """Return the names of the files from which operations go on."""
    return {row["checkpoint"] for row in db.rows("SELECT checkpoint FROM operations WHERE checkpoint IS NOT NULL")}


def forget_checkpoints(db: Connection, keep: int) -> None:
    """Let the operations that have ended forget their checkpoints, the `keep` that ended last aside."""
    db.rows(
        "UPDATE operations SET checkpoint = NULL WHERE position IN (SELECT position FROM operations"
        " WHERE checkpoint IS NOT NULL AND completed_at IS NOT NULL ORDER BY completed_at DESC, position DESC"
        " LIMIT 1000 OFFSET :keep)",
        keep=keep,
    )


def request_cancel(db: Connection, operation_id: str) -> None:
    """Store that a running operation is to stop; its worker gets that with its next heartbeat."""
    db.rows("UPDATE operations SET cancel_requested = 1 WHERE operation_id = :operation_id", operation_id=operation_id)


def counts(db: Connection) -> list[tuple[str, str, int]]:
    """Return (type, status, number) of all operations."""
    rows = db.rows("SELECT operation_type, status, COUNT(*) AS number FROM operations GROUP BY 2, 1 ORDER BY 2, 1")
    return [(row["operation_type"], row["status"], row["number"]) for row in rows]


def failures(db: Connection, codes: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return (type, code, number) of the operations that have failed, by these codes; all others are "other"."""
    rows = db.rows(
        "SELECT operation_type, error_code, COUNT(*) AS number FROM operations WHERE error_code IS NOT NULL"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        found[row["operation_type"], row["error_code"] if row["error_code"] in codes else "other"] += row["number"]
    return [(kind, code, number) for (kind, code), number in sorted(found.items())]


def prune(db: Connection, before: float, keep: int, limit: int) -> int:
    """Remove operations that have ended, the longest ago first, at most `limit`; return how many.

    Those go that ended before a moment (epoch seconds), and those that are too many where `keep` may stay.
    """
    (counted,) = db.rows(
        "SELECT (SELECT COUNT(*) FROM operations) AS number,"
        " (SELECT COUNT(*) FROM operations WHERE completed_at < :before) AS aged",
        before=before,
    )
    due = min(limit, max(counted["aged"], counted["number"] - keep))
    if due <= 0:
        return 0
    removed = db.rows(
        "DELETE FROM operations WHERE position IN (SELECT position FROM operations"
        " WHERE completed_at IS NOT NULL ORDER BY completed_at, position LIMIT :due) RETURNING operation_id",
        due=due,
    )
    for row in removed:
        epochs.remove(db, row["operation_id"])
    return len(removed)
