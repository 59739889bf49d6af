"""With shared secrets only those who know one may work, or change something; without them all is as before."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from deploy.compose import COMPOSE
from ktrdr.api.main import create_application
from ktrdr.errors import SettingError
from ktrdr.secret_file import CLIENTS, WORKERS, bearer, shared_secret
from ktrdr.settings import Settings
from ktrdr.worker.agent import Agent
from ktrdr.worker.settings import WorkerSettings
from tests.support.direct_backend import DirectBackend
from tests.unit.ktrdr.test_worker import until

WORKER, CLIENT = "the-workers-secret", "the-clients-secret"
BODY = {"worker_id": "w1", "worker_type": "training", "endpoint_url": "http://w1:5003"}
NOBODY = ""

Secrets = Callable[..., TestClient]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The files of both secrets, by their settings."""
    found = {}
    for name, secret in ((WORKERS, WORKER), (CLIENTS, CLIENT)):
        file = tmp_path / name
        file.write_text(secret + "\n")
        found[name] = str(file)
    return found


@pytest.fixture
def start(files: dict[str, str], tmp_path: Path) -> Iterator[Secrets]:
    """Start a backend with these secrets."""
    opened = []

    def started(*names: str) -> TestClient:
        environment = {"KTRDR_DATA_DIR": str(tmp_path / "data"), **{name: files[name] for name in names}}
        client = TestClient(
            create_application(Settings.from_environment(environment)), base_url="http://backend/api/v1"
        )
        opened.append(client)
        return client.__enter__()

    yield started
    for client in opened:
        client.__exit__(None, None, None)


OF_WORKERS = (
    ("POST", "workers/register"), ("POST", "workers/w1/heartbeat"), ("PUT", "models/m/archive"),
    ("PUT", "operations/x/trades"), ("PUT", "operations/x/equity"), ("PUT", "operations/x/checkpoint"),
)  # fmt: skip
OF_CLIENTS = (
    ("POST", "trainings/start"), ("POST", "backtests/start"), ("POST", "data/EURUSD/1h"), ("DELETE", "models/m"),
    ("DELETE", "operations/x"), ("DELETE", "operations/x/entry"),
    ("POST", "operations/x/retry"), ("POST", "nothing"), ("PUT", "data/EURUSD/1h"),
)  # fmt: skip
OF_BOTH = (("DELETE", "workers/w1"),)


@pytest.mark.parametrize(
    ("route", "admitted"),
    [*((route, {WORKER}) for route in OF_WORKERS), *((route, {CLIENT}) for route in OF_CLIENTS),
     *((route, {WORKER, CLIENT}) for route in OF_BOTH)],
)  # fmt: skip
def test_a_change_needs_the_secret_of_those_who_make_it(
    start: Secrets, route: tuple[str, str], admitted: set[str]
) -> None:
    client = start(WORKERS, CLIENTS)
    for secret in (WORKER, CLIENT, "the-wrong-secret-1", NOBODY):
        answer = client.request(*route, headers=bearer(secret))
        assert (answer.status_code != 401) is (secret in admitted), secret
    assert (answer.json()["error"]["code"], answer.headers["www-authenticate"]) == ("secret_required", "Bearer")
    assert WORKER not in answer.text
    assert CLIENT not in answer.text


@pytest.mark.parametrize("given", ["Bearer", "Bearer ", f"Basic {CLIENT}", CLIENT, f"Bearer {CLIENT} ", "Bearer \xe9"])
def test_what_only_resembles_the_secret_is_refused(start: Secrets, given: str) -> None:
    client = start(CLIENTS)
    answer = client.delete("operations/x", headers=[(b"authorization", given.encode("latin-1"))])
    assert answer.status_code == 401


@pytest.mark.parametrize("names", [(), (WORKERS,), (CLIENTS,), (WORKERS, CLIENTS)])
def test_reading_needs_no_secret_and_neither_does_what_none_is_set_for(start: Secrets, names: tuple[str, ...]) -> None:
    client = start(*names)
    assert all(client.get(path).status_code == 200 for path in ("health", "operations", "workers", "models"))
    for route, needed in ((OF_WORKERS[1], {WORKERS}), (OF_CLIENTS[4], {CLIENTS}), (OF_BOTH[0], {WORKERS, CLIENTS})):
        assert (client.request(*route).status_code == 401) is (needed <= set(names))


@pytest.mark.parametrize("names", [(), (WORKERS,), (CLIENTS,), (WORKERS, CLIENTS)])
def test_a_backend_says_at_its_start_whom_it_trusts(
    start: Secrets, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    start(*names)
    told = [record.getMessage() for record in caplog.records if "the network is trusted" in record.getMessage()]
    assert len(told) == (len(names) < 2)
    for message in told:
        assert {name for name in (WORKERS, CLIENTS) if name in message} == {WORKERS, CLIENTS} - set(names)


def test_a_worker_sends_its_secret_with_everything(start: Secrets, files: dict[str, str]) -> None:
    client = start(WORKERS, CLIENTS)
    settings = WorkerSettings.from_environment({WORKERS: files[WORKERS], "KTRDR_WORKER_ID": "w1"})
    agent = Agent(settings, DirectBackend(client), {"gpu": False}, lambda _job: {})
    agent.start()
    try:
        until(lambda: client.get("workers").json()["workers"])
        assert until(lambda: client.get("workers/w1").json()["worker"]["status"] == "idle")
    finally:
        agent.stop()
    assert client.get("workers").json()["workers"] == []


@pytest.mark.parametrize("content", ["short", "", "x" * 201, "with a blank, it is long", "naïve-and-very-long"])
def test_a_secret_that_is_none_is_told_with_the_setting_and_without_itself(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    with pytest.raises(SettingError, match=f"{WORKERS} is ") as refusal:
        shared_secret(WORKERS, {WORKERS: str(file)})
    assert not content or content not in str(refusal.value)
    with pytest.raises(SettingError, match="cannot be read"):
        shared_secret(WORKERS, {WORKERS: str(tmp_path / "absent")})


def test_secrets_are_not_shown_with_the_settings(files: dict[str, str]) -> None:
    shown = repr(Settings.from_environment(files)) + repr(WorkerSettings.from_environment(files))
    assert WORKER not in shown
    assert CLIENT not in shown


def test_a_command_line_without_the_secret_says_which_setting_it_needs(files: dict[str, str], tmp_path: Path) -> None:
    from tests.api.backend import Backend  # noqa: PLC0415  only here

    with Backend(tmp_path / "data", **files) as backend:
        command = [sys.executable, "-m", "ktrdr.cli", "data", "sample", "--upload", backend.url]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        taken = subprocess.run(command, env=files, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, taken.returncode) == (1, 0), taken.stderr
    assert CLIENTS in refused.stderr


def test_the_second_compose_file_gives_each_service_its_secrets() -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    more = yaml.safe_load(COMPOSE.with_name("compose.secrets.yaml").read_text(encoding="utf-8"))
    assert set(more["services"]) == set(services)
    for name, service in more["services"].items():
        expected = {WORKERS: "worker", CLIENTS: "client"} if name == "backend" else {WORKERS: "worker"}
        assert service["environment"] == {key: f"/run/secrets/{secret}" for key, secret in expected.items()}
        assert set(service["secrets"]) == set(expected.values()) <= set(more["secrets"])
