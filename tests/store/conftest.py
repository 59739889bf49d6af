"""Databases of both kinds, a PostgreSQL server that the tests own, and backends as processes of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest

from deploy.errors import Problem
from ktrdr.api.store.database import Database
from ktrdr.store_address import Address, PostgresServer, read_address
from tests.store.backend import Backend
from tests.store.postgres import PASSWORD, Postgres, find_or_install

Kind = Literal["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    try:
        return find_or_install()
    except Problem as problem:
        pytest.skip(f"no PostgreSQL here: {problem}")


@pytest.fixture(scope="session")
def postgres(postgres_programs: Path) -> Iterator[Postgres]:
    server = Postgres(postgres_programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@dataclass(frozen=True)
class Place:
    """An empty database: the URL that names it, and what ktrdr reads from that."""

    url: str

    @property
    def address(self) -> Address:
        return read_address(self.url)


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    return Place(f"sqlite:///{tmp_path / 'ktrdr.db'}")


@pytest.fixture
def postgres_place(postgres: Postgres) -> Place:
    user, password, name = (quote(text, safe="") for text in (postgres.user, PASSWORD, postgres.empty_database()))
    return Place(f"postgresql://{user}:{password}@127.0.0.1:{postgres.port}/{name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """The same test on both."""
    found: Place = request.getfixturevalue("sqlite_place" if request.param == "sqlite" else "postgres_place")
    return found


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    database = Database(place.address)
    yield database
    database.close()


@pytest.fixture
def backend(place: Place, tmp_path: Path) -> Iterator[Backend]:
    backend = Backend(tmp_path / "data", place.url)
    yield backend
    backend.end()


@pytest.fixture
def on_postgres(postgres_place: Place) -> PostgresServer:
    address = postgres_place.address
    assert isinstance(address, PostgresServer)
    return address
