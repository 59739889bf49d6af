"""The table of epochs: what trainings told of each, a row an epoch."""

from collections.abc import Iterable
from dataclasses import asdict

from ktrdr.api.store.connection import Connection
from ktrdr.epochs import Epoch


def add(db: Connection, operation_id: str, told: Iterable[Epoch]) -> None:
    """Store epochs of a training; one that is told again replaces what was told before."""
    for one in told:
        db.rows(
            "INSERT INTO epochs (operation_id, epoch, train_loss, train_accuracy, val_loss, val_accuracy)"
            " VALUES (:operation_id, :epoch, :train_loss, :train_accuracy, :val_loss, :val_accuracy)"
            " ON CONFLICT (operation_id, epoch) DO UPDATE SET train_loss = excluded.train_loss,"
            " train_accuracy = excluded.train_accuracy, val_loss = excluded.val_loss,"
            " val_accuracy = excluded.val_accuracy",
            operation_id=operation_id,
            **asdict(one),
        )


def of(db: Connection, operation_id: str) -> list[Epoch]:
    """Return the epochs of a training, the first one first."""
    rows = db.rows(
        "SELECT epoch, train_loss, train_accuracy, val_loss, val_accuracy FROM epochs"
        " WHERE operation_id = :operation_id ORDER BY epoch",
        operation_id=operation_id,
    )
    return [Epoch(**row) for row in rows]


def remove(db: Connection, operation_id: str) -> None:
    """Remove the epochs of an operation."""
    db.rows("DELETE FROM epochs WHERE operation_id = :operation_id", operation_id=operation_id)
