"""Reaching a PostgreSQL server: by which ways, and what is told where it cannot be reached."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrdr.api.store.database import Database
from ktrdr.settings import Settings
from ktrdr.store_address import PostgresServer
from tests.store.postgres import PASSWORD, Postgres


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "wrong password"}, "password authentication failed"),
        ({"password": ""}, "password authentication failed"),
        ({"user": "nobody-known"}, "password authentication failed"),
        ({"name": "nothing"}, 'database "nothing" does not exist'),
        ({"port": 1}, "Connection refused"),
        ({"host": "nowhere.invalid"}, "Name or service not known"),
        ({"host": "/nowhere"}, "No such file or directory"),
        ({"tls": "require"}, "Server refuses SSL"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_server_that_cannot_be_used_is_told_with_its_reason_and_without_the_password(
    on_postgres: PostgresServer, change: dict[str, Any], reason: str
) -> None:
    address = replace(on_postgres, **change)
    problem = Database(address).open()
    assert problem is not None
    assert problem.startswith(f"{address} cannot be opened: ")
    assert reason in problem
    assert PASSWORD not in problem
    assert "wrong password" not in problem


def test_a_server_is_reached_through_its_socket_too(on_postgres: PostgresServer, postgres: Postgres) -> None:
    database = Database(replace(on_postgres, host=str(postgres.folder)))
    assert database.open() is None
    assert database.check() is None
    database.close()


def test_the_password_may_come_from_a_file(on_postgres: PostgresServer, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    given = {"KTRDR_DATABASE_URL": str(on_postgres), "KTRDR_DATABASE_PASSWORD_FILE": str(secret)}
    database = Database(Settings.from_environment(given).database)
    assert database.open() is None
    database.close()


def encrypted(database: Database) -> bool:
    assert database.open() is None
    with database.transaction() as db:
        row = db.row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    database.close()
    assert row is not None
    return bool(row["ssl"])


def test_the_connection_is_encrypted_as_the_url_asks(on_postgres: PostgresServer, postgres: Postgres) -> None:
    with postgres.encrypted():
        asked = {tls: encrypted(Database(replace(on_postgres, tls=tls))) for tls in ("disable", "prefer", "require")}
    assert asked == {"disable": False, "prefer": True, "require": True}


def test_a_server_must_prove_who_it_is_where_the_url_asks_for_that(
    on_postgres: PostgresServer, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    careful = replace(on_postgres, tls="verify-full")
    with postgres.encrypted() as certificate:
        assert "certificate verify failed" in str(Database(careful).open())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert encrypted(Database(careful))
        assert "mismatch" in str(Database(replace(careful, host="localhost")).open())
