"""The operations and workers, in SQLite or PostgreSQL."""
