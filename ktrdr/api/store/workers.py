"""The table of workers: who has registered, when each last reported and was last used."""

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from ktrdr.api.store.connection import Connection, Row
from ktrdr.api.store.operations import stamp

WorkerType = Literal["training", "backtest"]


@dataclass(frozen=True)
class Caller:
    """Who sends a worker's request: the token of its registration, if it sends one, and its address."""

    token: str = ""
    address: str = ""


UNKNOWN: Final = Caller()

WITH_OPERATION: Final = (
    "SELECT workers.*, operations.operation_id FROM workers LEFT JOIN operations"
    " ON operations.worker_id = workers.worker_id AND operations.status IN ('pending', 'running')"
)


def as_json(row: Row) -> dict[str, Any]:
    """Return the fields that clients see."""
    return {
        "worker_id": row["worker_id"],
        "type": row["worker_type"],
        "status": row["status"],
        "endpoint_url": row["endpoint_url"],
        "capabilities": json.loads(row["capabilities"]),
        "current_operation_id": row["operation_id"],
        "registered_at": stamp(row["registered_at"]),
        "last_seen": stamp(row["last_seen"]),
    }


def register(
    db: Connection,
    worker_id: str,
    *,
    kind: WorkerType,
    endpoint_url: str,
    capabilities: dict[str, Any],
    caller: Caller,
    now: float,
) -> None:
    """Add a worker, or replace its row; the caller's token is the registration's from now on."""
    db.rows(
        "INSERT INTO workers"
        " (worker_id, worker_type, status, endpoint_url, capabilities, registered_at, last_seen, token, address)"
        " VALUES (:worker_id, :kind, 'idle', :endpoint_url, :capabilities, :now, :now, :token, :address)"
        " ON CONFLICT (worker_id) DO UPDATE SET worker_type = excluded.worker_type, status = 'idle',"
        " endpoint_url = excluded.endpoint_url, capabilities = excluded.capabilities,"
        " registered_at = excluded.registered_at, last_seen = excluded.last_seen,"
        " token = excluded.token, address = excluded.address",
        worker_id=worker_id,
        kind=kind,
        endpoint_url=endpoint_url,
        capabilities=json.dumps(capabilities),
        now=now,
        token=caller.token,
        address=caller.address,
    )


def get(db: Connection, worker_id: str) -> Row | None:
    """Return a worker with the operation that it has been given, or None."""
    return db.row(WITH_OPERATION + " WHERE workers.worker_id = :worker_id", worker_id=worker_id)


def every(db: Connection) -> list[Row]:
    """Return all workers, each with the operation that it has been given, by type and id."""
    return db.rows(WITH_OPERATION + " ORDER BY worker_type, workers.worker_id")


def with_token(db: Connection, token: str) -> str | None:
    """Return the worker whose present registration has this token, or None."""
    row = db.row("SELECT worker_id FROM workers WHERE token = :token", token=token)
    return row["worker_id"] if row else None


def number(db: Connection, kind: str | None = None) -> int:
    """Return how many workers there are, of one type or of all."""
    row = db.row(
        "SELECT COUNT(*) AS number FROM workers WHERE CAST(:kind AS TEXT) IS NULL OR worker_type = :kind", kind=kind
    )
    return row["number"] if row else 0


def seen(db: Connection, worker_id: str, status: str, now: float) -> None:
    """Store that a worker has reported, and so asked for work."""
    db.rows(
        "UPDATE workers SET status = :status, last_seen = :now, last_asked = :now WHERE worker_id = :worker_id",
        status=status,
        now=now,
        worker_id=worker_id,
    )


def used(db: Connection, worker_id: str, now: float) -> None:
    """Store that a worker was given work."""
    db.rows(
        "UPDATE workers SET status = 'busy', last_used = :now WHERE worker_id = :worker_id",
        now=now,
        worker_id=worker_id,
    )


def remove(db: Connection, worker_id: str) -> None:
    """Remove a worker."""
    db.rows("DELETE FROM workers WHERE worker_id = :worker_id", worker_id=worker_id)


def idle(db: Connection, kind: str, since: float) -> list[Row]:
    """Return id and capabilities of a type's idle workers that asked for work since then, least recently used first."""
    return db.rows(
        "SELECT worker_id, capabilities FROM workers"
        " WHERE worker_type = :kind AND status = 'idle' AND last_asked >= :since"
        " ORDER BY last_used, registered_at, worker_id",
        kind=kind,
        since=since,
    )


def silent(db: Connection, since: float) -> list[Row]:
    """Return the workers not yet offline that last reported before `since`."""
    return db.rows("SELECT * FROM workers WHERE status != 'offline' AND last_seen < :since", since=since)


def set_offline(db: Connection, worker_id: str) -> None:
    """Mark a worker as offline."""
    db.rows("UPDATE workers SET status = 'offline' WHERE worker_id = :worker_id", worker_id=worker_id)


def forget_offline(db: Connection, before: float) -> None:
    """Remove workers that went offline long ago."""
    db.rows("DELETE FROM workers WHERE status = 'offline' AND last_seen < :before", before=before)


def grant_grace(db: Connection, now: float) -> None:
    """Restart every worker's silence: the backend was away, not the workers."""
    db.rows("UPDATE workers SET last_seen = :now WHERE status != 'offline'", now=now)


def counts(db: Connection) -> list[tuple[str, str, int]]:
    """Return (type, status, number) of all workers."""
    rows = db.rows("SELECT worker_type, status, COUNT(*) AS number FROM workers GROUP BY 1, 2 ORDER BY 1, 2")
    return [(row["worker_type"], row["status"], row["number"]) for row in rows]
