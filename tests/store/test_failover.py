"""A PostgreSQL server that dies, and its standby that takes over at the same address: nothing acknowledged is lost."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.settings import Settings
from ktrdr.store_address import read_address
from tests.store.postgres import PASSWORD, Postgres
from tests.store.relay import Relay
from tests.support.waiting import until


@pytest.fixture
def primary(postgres_programs: Path) -> Iterator[Postgres]:
    server = Postgres(postgres_programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def standby(postgres_programs: Path, primary: Postgres) -> Iterator[Postgres]:
    """A standby that has each transaction before the primary acknowledges it."""
    server = Postgres(postgres_programs, of=primary)
    try:
        server.start()
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.run("SELECT pg_reload_conf()")
        streaming = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        until("a synchronous standby", lambda: primary.run(streaming))
        yield server
    finally:
        server.remove()


def test_a_backend_goes_on_with_the_standby_and_has_all_that_it_acknowledged(
    primary: Postgres, standby: Postgres, tmp_path: Path
) -> None:
    relay = Relay(primary.port)
    user, password = quote(primary.user, safe=""), quote(PASSWORD, safe="")
    address = read_address(f"postgresql://{user}:{password}@127.0.0.1:{relay.port}/postgres")
    accepted = 0
    try:
        with TestClient(create_application(Settings(tmp_path, address)), base_url="http://backend/api/v1") as client:
            for _ in range(5):
                accepted += client.post("data/EURUSD/1h", content="nothing").status_code == 422
            primary.kill()
            assert client.get("health").status_code == 503
            relay.move(standby.port)
            until("the refusal of a standby", lambda: "read-write mode during recovery" in client.get("health").text)
            assert client.post("data/EURUSD/1h", content="nothing").status_code == 503
            standby.run("SELECT pg_promote()")
            until("a healthy backend", lambda: client.get("health").status_code == 200)
            assert client.get("operations").json()["total_count"] == accepted == 5
            assert client.post("data/EURUSD/1h", content="nothing").status_code == 422
            assert client.get("operations").json()["total_count"] == 6
    finally:
        relay.close()
