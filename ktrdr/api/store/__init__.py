"""The operations and workers, in SQLite."""
