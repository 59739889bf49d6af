"""What years of use need of the store, on SQLite and on PostgreSQL alike."""

from ktrdr.api.store import operations
from ktrdr.api.store.database import Database

NOW = 1_700_000_000.0


def test_operations_that_ended_go_by_age_and_by_number_the_longest_ago_first(database: Database) -> None:
    assert database.open() is None
    with database.transaction() as db:
        made = [operations.add(db, "training", {}, NOW) for _ in range(8)]
        for place, name in enumerate(made[:6]):
            operations.finish(db, name, "failed", NOW + place)

        def kept() -> list[str]:
            rows, _ = operations.page(db, status=None, kind=None, limit=10, offset=0)
            return [row["operation_id"] for row in reversed(rows)]

        assert operations.prune(db, NOW + 2, 100, 1) == 1
        assert kept() == made[1:]
        assert operations.prune(db, NOW + 2, 100, 10) == 1
        assert kept() == made[2:]
        assert operations.prune(db, NOW, 4, 10) == 2
        assert kept() == made[4:]
        assert operations.prune(db, NOW, 1, 10) == 2
        assert kept() == made[6:]
        assert operations.prune(db, NOW + 99, 0, 10) == 0


def test_free_space_is_given_back_by_whom_it_concerns(database: Database) -> None:
    assert database.open() is None
    with database.transaction() as db:
        assert db.release(10) is False
    assert database.check() is None
