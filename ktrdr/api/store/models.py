"""The index of models: which there are, what each was trained with, when it was stored. Their files lie on the disk."""

from ktrdr.api.store.connection import Connection


def add(db: Connection, name: str, strategy_name: str, stored_at: float) -> None:
    """Add a model, unless it is known."""
    db.rows(
        "INSERT INTO models (name, strategy_name, stored_at) VALUES (:name, :strategy_name, :stored_at)"
        " ON CONFLICT (name) DO NOTHING",
        name=name,
        strategy_name=strategy_name,
        stored_at=stored_at,
    )


def remove(db: Connection, name: str) -> None:
    """Remove a model, if it is known."""
    db.rows("DELETE FROM models WHERE name = :name", name=name)


def names(db: Connection) -> set[str]:
    """Return the names of all models."""
    return {row["name"] for row in db.rows("SELECT name FROM models")}


def page(db: Connection, limit: int, offset: int) -> tuple[list[str], int]:
    """Return names of models, the newest first, and how many there are in all."""
    counted = db.row("SELECT COUNT(*) AS number FROM models")
    rows = db.rows(
        "SELECT name FROM models ORDER BY stored_at DESC, name DESC LIMIT :limit OFFSET :offset",
        limit=limit,
        offset=offset,
    )
    return [row["name"] for row in rows], counted["number"] if counted else 0


def newest(db: Connection, strategy_name: str, limit: int) -> list[str]:
    """Return the names of a strategy's newest models, the newest first."""
    rows = db.rows(
        "SELECT name FROM models WHERE strategy_name = :strategy_name ORDER BY stored_at DESC, name DESC LIMIT :limit",
        strategy_name=strategy_name,
        limit=limit,
    )
    return [row["name"] for row in rows]


def number(db: Connection, strategy_name: str) -> int:
    """Return how many models were trained with a strategy."""
    counted = db.row("SELECT COUNT(*) AS number FROM models WHERE strategy_name = :name", name=strategy_name)
    return int(counted["number"]) if counted else 0
