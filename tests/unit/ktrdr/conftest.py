"""What the tests of the payload share: a backend on an empty data directory, bars, and a way to it for a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.api.store.database import Database
from ktrdr.data.bars import Bars
from ktrdr.data.sample import generate, to_csv
from ktrdr.settings import Settings
from ktrdr.store_address import SqliteFile
from tests.support.direct_backend import DirectBackend


@pytest.fixture(scope="session")
def year() -> Bars:
    return generate()


@pytest.fixture(scope="session")
def csv(year: Bars) -> str:
    return to_csv(year)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path)})


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        yield client


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(SqliteFile(tmp_path / "ktrdr.db"))


@pytest.fixture
def backend(client: TestClient, csv: str, monkeypatch: pytest.MonkeyPatch) -> DirectBackend:
    for name in ("IDLE_INTERVAL_S", "BUSY_INTERVAL_S", "FIRST_RETRY_S"):
        monkeypatch.setattr(f"ktrdr.worker.agent.{name}", 0.01)
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    return DirectBackend(client)
