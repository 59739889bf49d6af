"""What happens while the database server is away, and when it comes back."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.context import Context
from ktrdr.api.main import create_application
from ktrdr.api.services.dispatch import Report
from ktrdr.api.store import operations
from ktrdr.api.store.connection import StoreError
from ktrdr.api.store.database import Database
from ktrdr.settings import Settings
from ktrdr.store_address import PostgresServer
from tests.store.postgres import PASSWORD, Postgres
from tests.support.waiting import until

NOW = 1_700_000_000.0
WORKER = {"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:5003"}
HUNG_S = 12.0  # two waits for a silent server, one for the old connection and one for the new, and some air


@pytest.fixture
def client(on_postgres: PostgresServer, tmp_path: Path) -> Iterator[TestClient]:
    app = create_application(Settings(tmp_path, on_postgres))
    with TestClient(app, base_url="http://backend/api/v1", raise_server_exceptions=False) as client:
        assert client.get("health").json()["database"].items() >= {("state", "ok"), ("kind", "postgresql")}
        yield client


@pytest.fixture
def up_again(postgres: Postgres) -> Iterator[None]:
    """Whatever a test does to the server, the next one finds it running."""
    yield
    postgres.restart()


def healthy(client: TestClient) -> bool:
    return bool(client.get("health").status_code == 200)


def add(database: Database) -> str:
    with database.transaction() as db:
        return operations.add(db, "training", {}, NOW)


@pytest.mark.usefixtures("up_again")
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_while_the_server_is_away_everything_answers_503_with_the_reason_and_then_recovers_by_itself(
    client: TestClient, postgres: Postgres, on_postgres: PostgresServer, way: str
) -> None:
    client.post("workers/register", json=WORKER)
    getattr(postgres, way)()
    health = client.get("health")
    body = health.json()
    assert (health.status_code, body["status"], body["database"]["state"]) == (503, "unavailable", "unusable")
    assert f"{on_postgres} cannot be opened: Connection refused" in body["reason"]
    assert PASSWORD not in health.text
    for answer in (client.get("operations"), client.get("workers"), client.post("workers/w/heartbeat", json={})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert PASSWORD not in answer.text
    assert client.get("indicators").status_code == 200
    postgres.start()
    until("a healthy backend", lambda: healthy(client))
    assert [worker["worker_id"] for worker in client.get("workers").json()["workers"]] == ["w"]


@pytest.mark.usefixtures("up_again")
def test_a_backend_that_starts_before_its_server_is_healthy_as_soon_as_that_is_there(
    on_postgres: PostgresServer, postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    postgres.stop()
    with TestClient(create_application(Settings(tmp_path, on_postgres)), base_url="http://backend/api/v1") as client:
        assert client.get("health").status_code == 503
        postgres.start()
        until("a healthy backend", lambda: healthy(client))
    told = [record.message for record in caplog.records if record.message.startswith("store: ")]
    assert told == [
        f"store: {on_postgres} cannot be opened: Connection refused",
        f"store: {on_postgres} can be used again",
    ]


def test_a_server_restarted_between_two_requests_costs_none_of_them(
    on_postgres: PostgresServer, postgres: Postgres
) -> None:
    database = Database(on_postgres)
    assert database.open() is None
    for way in (postgres.stop, postgres.kill):
        made = add(database)
        way()
        postgres.start()
        with database.transaction() as db:
            assert operations.get(db, made) is not None
        assert database.problem is None
    database.close()


@pytest.mark.usefixtures("up_again")
def test_a_transaction_in_which_the_server_dies_is_undone_and_told(
    on_postgres: PostgresServer, postgres: Postgres
) -> None:
    def add_two() -> None:
        with database.transaction() as db:
            operations.add(db, "training", {}, NOW)
            postgres.kill()
            operations.add(db, "training", {}, NOW)

    database = Database(on_postgres)
    assert database.open() is None
    before = add(database)
    with pytest.raises(StoreError):
        add_two()
    assert database.problem is not None
    assert f"{on_postgres} was lost" in database.problem
    postgres.start()
    assert database.open() is None
    with database.transaction() as db:
        rows, total = operations.page(db, status=None, kind=None, limit=10, offset=0)
    assert ([row["operation_id"] for row in rows], total) == ([before], 1)
    database.close()


@pytest.mark.usefixtures("up_again")
def test_what_was_accepted_before_the_server_was_killed_is_there_afterwards_and_no_answer_is_a_500(
    client: TestClient, postgres: Postgres
) -> None:
    client.post("workers/register", json=WORKER)
    context: Context = client.app.state.context  # type: ignore[attr-defined]  # an ASGI application has any state
    accepted: list[str] = []
    wanted: list[int] = []
    seen: set[int] = set()
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            answer = client.post("data/EURUSD/1h", content="nothing")  # each one is recorded as an operation
            seen.add(answer.status_code)
            if answer.status_code == 422:
                newest = client.get("operations", params={"limit": 1})
                seen.add(newest.status_code)
                accepted.extend(row["operation_id"] for row in newest.json().get("operations", []))

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(3):
        wanted.append(len(accepted) + 5)
        until("more operations", lambda: len(accepted) > wanted[-1])
        postgres.kill()
        until("an answer without a server", lambda: 503 in seen)
        postgres.start()
    enough.set()
    asking.join(30)
    until("a healthy backend", lambda: healthy(client))
    assert seen == {200, 422, 503}
    with context.database.transaction() as db:
        assert [name for name in accepted if operations.get(db, name) is None] == []


@pytest.mark.usefixtures("up_again")
def test_a_server_that_hangs_makes_nobody_wait_for_ever(client: TestClient, postgres: Postgres) -> None:
    with postgres.frozen():
        began = time.monotonic()
        assert client.get("operations").status_code == 503
        assert client.get("health").status_code == 503
        assert time.monotonic() - began < 2 * HUNG_S
    until("a healthy backend", lambda: healthy(client))
    assert client.get("operations").status_code == 200


@pytest.mark.usefixtures("up_again")
@pytest.mark.parametrize("noticed_by", ["nobody before the server is back", "the clock, while the server is away"])
def test_work_goes_on_through_an_outage_longer_than_the_silence_a_worker_may_keep(
    on_postgres: PostgresServer, postgres: Postgres, tmp_path: Path, noticed_by: str
) -> None:
    now = [NOW]
    context = Context(Settings(tmp_path, on_postgres))
    context.dispatcher.clock = lambda: now[0]
    context.open()
    context.dispatcher.register("w", "training", "http://w:5003", {}, None)
    work = context.dispatcher.enqueue("training", {})
    assert context.dispatcher.heartbeat("w", None)["operation"]["operation_id"] == work
    context.dispatcher.heartbeat("w", Report(work, "running", {}, None, None))
    postgres.stop()
    if "clock" in noticed_by:
        context.tick()
    now[0] += 60
    postgres.start()
    context.tick()
    assert context.database.problem is None
    with context.database.transaction() as db:
        row = operations.get(db, work)
    assert row is not None
    assert row["status"] == "running"
    for _ in range(11):
        now[0] += 1
        context.tick()
    with context.database.transaction() as db:
        lost = operations.get(db, work)
    context.close()
    assert lost is not None
    assert lost["error_code"] == "worker_lost"
