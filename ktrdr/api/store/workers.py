"""Workers: who has registered, when each was last heard of and last used."""

import json
import sqlite3
from typing import Any, Literal

from ktrdr.api.store.operations import stamp

WorkerType = Literal["training", "backtest"]


def as_json(row: sqlite3.Row, operation_id: str | None) -> dict[str, Any]:
    """Return the fields that clients see."""
    return {
        "worker_id": row["worker_id"],
        "type": row["worker_type"],
        "status": row["status"],
        "endpoint_url": row["endpoint_url"],
        "capabilities": json.loads(row["capabilities"]),
        "current_operation_id": operation_id,
        "registered_at": stamp(row["registered_at"]),
        "last_seen": stamp(row["last_seen"]),
    }


def register(
    db: sqlite3.Connection,
    worker_id: str,
    *,
    kind: WorkerType,
    endpoint_url: str,
    capabilities: dict[str, Any],
    now: float,
) -> None:
    """Add a worker, or replace what is known of it."""
    db.execute(
        "INSERT INTO workers (worker_id, worker_type, status, endpoint_url, capabilities, registered_at, last_seen)"
        " VALUES (?, ?, 'idle', ?, ?, ?, ?)"
        " ON CONFLICT (worker_id) DO UPDATE SET worker_type = excluded.worker_type, status = 'idle',"
        " endpoint_url = excluded.endpoint_url, capabilities = excluded.capabilities,"
        " registered_at = excluded.registered_at, last_seen = excluded.last_seen",
        (worker_id, kind, endpoint_url, json.dumps(capabilities), now, now),
    )


def get(db: sqlite3.Connection, worker_id: str) -> sqlite3.Row | None:
    """Return a worker, or None."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM workers WHERE worker_id = ?", (worker_id,)).fetchone()
    return row


def every(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return all workers by type and id."""
    return db.execute("SELECT * FROM workers ORDER BY worker_type, worker_id").fetchall()


def seen(db: sqlite3.Connection, worker_id: str, status: str, now: float) -> None:
    """Note that a worker was heard of."""
    db.execute("UPDATE workers SET status = ?, last_seen = ? WHERE worker_id = ?", (status, now, worker_id))


def used(db: sqlite3.Connection, worker_id: str, now: float) -> None:
    """Note that a worker was given work."""
    db.execute("UPDATE workers SET status = 'busy', last_used = ? WHERE worker_id = ?", (now, worker_id))


def remove(db: sqlite3.Connection, worker_id: str) -> None:
    """Forget a worker."""
    db.execute("DELETE FROM workers WHERE worker_id = ?", (worker_id,))


def idle(db: sqlite3.Connection, kind: str) -> list[sqlite3.Row]:
    """Return the idle workers of a type, least recently used first."""
    return db.execute(
        "SELECT * FROM workers WHERE worker_type = ? AND status = 'idle' ORDER BY last_used, registered_at, worker_id",
        (kind,),
    ).fetchall()


def silent(db: sqlite3.Connection, since: float) -> list[sqlite3.Row]:
    """Return the workers not yet offline that were last heard of before `since`."""
    return db.execute("SELECT * FROM workers WHERE status != 'offline' AND last_seen < ?", (since,)).fetchall()


def set_offline(db: sqlite3.Connection, worker_id: str) -> None:
    """Note that a worker has fallen silent."""
    db.execute("UPDATE workers SET status = 'offline' WHERE worker_id = ?", (worker_id,))


def forget_offline(db: sqlite3.Connection, before: float) -> None:
    """Remove workers that went offline long ago."""
    db.execute("DELETE FROM workers WHERE status = 'offline' AND last_seen < ?", (before,))


def grant_grace(db: sqlite3.Connection, now: float) -> None:
    """Start every worker's silence anew: the backend was away, not they."""
    db.execute("UPDATE workers SET last_seen = ? WHERE status != 'offline'", (now,))


def counts(db: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Return (type, status, number) of all workers."""
    query = "SELECT worker_type, status, COUNT(*) FROM workers GROUP BY 1, 2 ORDER BY 1, 2"
    return [tuple(row) for row in db.execute(query)]
