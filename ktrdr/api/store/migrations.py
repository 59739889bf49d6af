"""The versions of the schema, and the steps from a database's version to this code's."""

from typing import Final

from ktrdr.api.store.connection import Connection, StoreError

Steps = tuple[tuple[str, ...], ...]

MIGRATIONS: Final[Steps] = (
    (
        """
        CREATE TABLE operations (
            position {position},
            operation_id TEXT NOT NULL UNIQUE,
            operation_type TEXT NOT NULL,
            status TEXT NOT NULL,
            created_at {seconds} NOT NULL,
            started_at {seconds},
            completed_at {seconds},
            progress TEXT NOT NULL,
            request TEXT NOT NULL,
            error_code TEXT,
            error_message TEXT,
            result_summary TEXT,
            worker_id TEXT,
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            retry_of TEXT
        )
        """,
        "CREATE INDEX operations_by_status ON operations (status, position)",
        """
        CREATE TABLE workers (
            worker_id TEXT PRIMARY KEY,
            worker_type TEXT NOT NULL,
            status TEXT NOT NULL,
            endpoint_url TEXT NOT NULL,
            capabilities TEXT NOT NULL,
            registered_at {seconds} NOT NULL,
            last_seen {seconds} NOT NULL,
            last_used {seconds} NOT NULL DEFAULT 0
        )
        """,
    ),
    (
        # A worker has one operation at a time: the database itself refuses a second claim.
        """
        CREATE UNIQUE INDEX operations_one_a_worker ON operations (worker_id)
        WHERE status IN ('pending', 'running')
        """,
    ),
    (
        # Models are listed and chosen without reading their files.
        """
        CREATE TABLE models (
            name TEXT PRIMARY KEY,
            strategy_name TEXT NOT NULL,
            stored_at {seconds} NOT NULL
        )
        """,
        "CREATE INDEX models_by_strategy ON models (strategy_name, stored_at)",
        # A turn is for workers that ask: registering alone is not asking.
        "ALTER TABLE workers ADD COLUMN last_asked {seconds} NOT NULL DEFAULT 0",
        # Of two workers with one name the one that registered last is told apart by its token.
        "ALTER TABLE workers ADD COLUMN token TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE workers ADD COLUMN address TEXT NOT NULL DEFAULT ''",
    ),
    (
        # The name of the file from which a training goes on.
        "ALTER TABLE operations ADD COLUMN checkpoint TEXT",
        "CREATE INDEX operations_with_checkpoint ON operations (completed_at) WHERE checkpoint IS NOT NULL",
    ),
    (
        # Lists, counts and removals read an index and the rows that they show, however many others there are.
        "CREATE INDEX operations_by_type ON operations (operation_type, position)",
        "CREATE INDEX operations_by_type_and_status ON operations (operation_type, status, position)",
        "CREATE INDEX operations_by_end ON operations (completed_at, position)",
    ),
    (
        """
        CREATE TABLE epochs (
            operation_id TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            train_loss {seconds} NOT NULL,
            train_accuracy {seconds} NOT NULL,
            val_loss {seconds} NOT NULL,
            val_accuracy {seconds} NOT NULL,
            PRIMARY KEY (operation_id, epoch)
        )
        """,
    ),
    (
        # The operations of one status, sorted by type.
        "CREATE INDEX operations_by_status_and_type ON operations (status, operation_type, position)",
    ),
    (
        # What failed is counted by its reason, and what repeats an operation is found.
        "CREATE INDEX operations_by_error ON operations (operation_type, error_code) WHERE error_code IS NOT NULL",
        "CREATE INDEX operations_by_first ON operations (retry_of, position) WHERE retry_of IS NOT NULL",
    ),
)
"""Step N brings version N to N + 1. Never edited once released, only added to."""


def is_behind(connection: Connection, steps: Steps) -> bool:
    """Return whether steps are due; StoreError for a database that a newer ktrdr has migrated."""
    connection.begin()
    try:
        return _version(connection, steps) < len(steps)
    finally:
        connection.rollback()


def migrate(connection: Connection, steps: Steps) -> None:
    """Update the schema, each step in its own transaction: an interrupted step leaves no trace.

    The version is read inside the transaction. If several backends start at once, one of them takes the step.
    """
    while _step(connection, steps):
        pass


def _step(connection: Connection, steps: Steps) -> bool:
    """Take the next step; return whether there was one."""
    connection.begin()
    try:
        version = _version(connection, steps)
        behind = version < len(steps)
        if behind:
            for statement in steps[version]:
                connection.rows(statement.format_map(connection.types))
            connection.set_schema_version(version + 1)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return behind


def _version(connection: Connection, steps: Steps) -> int:
    version = connection.schema_version()
    if version > len(steps):
        raise StoreError(
            f"it has schema {version}, this ktrdr knows up to {len(steps)};"
            " start the ktrdr that wrote it, or a newer one, or name another database in KTRDR_DATABASE_URL"
        )
    return version
