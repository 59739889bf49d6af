"""Containers that take part get the least that they need; the one that calls is believed only when it answers."""

import json
from typing import Any

import pytest

from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from tests.support.checkout import read_contract
from verify.e2e import system as systems
from verify.e2e.system import Call, NoAnswer, System
from verify.judge.end_to_end import Used

ENGINE = Engine("unix:///nowhere", "id", "26", "1.45", "overlay2", "0.13", "2.26", "docker")
RUN = Run("260101-000000-abc", {"ktrdr.run": "260101-000000-abc", "ktrdr.run.host": "here"})
IMAGES = {"backend": Used(tag="ktrdr-backend:prod", image_id="sha256:b", identity="sha256:i")}


class FakeApi:
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        self.networks: dict[str, dict[str, Any]] = {}
        self.containers: list[dict[str, Any]] = []
        self.started: list[str] = []
        self.inspected = 0

    def create_network(self, name: str, **options: Any) -> None:
        self.networks[name] = options

    def create_endpoint_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_networking_config(self, config: dict[str, Any]) -> dict[str, Any]:
        return config

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, image: str, **options: Any) -> dict[str, str]:
        self.containers.append({"image": image, **options})
        return {"Id": f"id-{len(self.containers)}"}

    def start(self, container_id: str) -> None:
        self.started.append(container_id)

    def inspect_container(self, container_id: str) -> dict[str, Any]:
        """Answer once that it runs, then that it has ended: between two questions anything may happen."""
        self.inspected += 1
        state: dict[str, Any] = {
            "StartedAt": "2026-01-01T00:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "ExitCode": 0,
        }
        ended = {"FinishedAt": "2026-01-01T00:00:01Z", "ExitCode": 137}
        state |= {"Running": True} if self.inspected == 1 else {"Running": False, **ended}
        return {"Id": container_id, "Image": "sha256:b", "State": state}


class FakeClient:
    def __init__(self) -> None:
        self.api = FakeApi()

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    one = FakeClient()
    monkeypatch.setattr(systems, "sdk", lambda *_arguments, **_options: one)
    return one


@pytest.fixture
def system(client: FakeClient) -> System:
    assert client.api.networks == {}
    return System(ENGINE, read_contract(), RUN, IMAGES)


def test_the_network_is_the_run_s_own_and_leads_nowhere(client: FakeClient, system: System) -> None:
    assert client.api.networks == {system.network: {"driver": "bridge", "internal": True, "labels": RUN.labels}}
    assert RUN.id in system.network


def test_a_container_runs_the_verified_id_with_the_least_that_it_needs(client: FakeClient, system: System) -> None:
    system.start("backend", "backend", environment={"A": "1"})
    (made,) = client.api.containers
    assert (made["image"], made["hostname"], made["environment"]) == ("sha256:b", "backend", {"A": "1"})
    assert made["labels"] == RUN.labels
    assert made["networking_config"] == {system.network: {"aliases": ["backend"]}}
    host = made["host_config"]
    assert (host["read_only"], host["cap_drop"], host["security_opt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert host["network_mode"] == system.network
    assert 0 < host["mem_limit"] == host["memswap_limit"]
    assert host["pids_limit"] > 0
    assert {"binds", "port_bindings", "volumes_from", "privileged"}.isdisjoint(host)
    assert [(mount["Target"], mount["Type"]) for mount in host["mounts"]] == [("/data", "volume")]
    assert client.api.started == ["id-1"]


def test_how_a_container_is_comes_from_one_answer_of_the_engine(system: System) -> None:
    system.start("backend", "backend")
    first, then = system.state("backend"), system.state("backend")
    assert (first.running, first.exit_code, first.finished) == (True, 0, "")
    assert (then.running, then.exit_code, then.finished) == (False, 137, "2026-01-01T00:00:01Z")


def asked(monkeypatch: pytest.MonkeyPatch, system: System, code: int | None, printed: bytes) -> list[Any]:
    commands: list[list[str]] = []

    def execute(_client: object, _id: str, command: list[str], _limit: float) -> tuple[int | None, bytes]:
        commands.append(command)
        return code, printed

    monkeypatch.setattr("verify.observe.containers.execute", execute)
    system._ids["client"] = "id-c"
    answers = system.call(
        Call("GET", "/health", until={"status": 200}, limit=5.0, waited_for="health"), Call("GET", "/x")
    )
    return [answers, json.loads(commands[0][-1])]


def test_questions_and_answers_keep_their_order(monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    printed = json.dumps([{"status": 200, "body": {}, "seconds": 0.1, "met": True}]).encode()
    answers, sent = asked(monkeypatch, system, 0, printed)
    assert [(one.path, one.met, one.waited_for) for one in answers] == [("/health", True, "health")]
    assert [one["path"] for one in sent["asks"]] == ["/api/v1/health", "/api/v1/x"]
    assert sent["base"] == "backend:8000"


@pytest.mark.parametrize(("code", "printed"), [(None, b""), (1, b"Traceback"), (0, b"[1]"), (0, b'[{"status": "x"}]')])
def test_a_client_that_does_not_answer_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, system: System, code: int | None, printed: bytes
) -> None:
    with pytest.raises(NoAnswer, match="no answers to GET /health, GET /x"):
        asked(monkeypatch, system, code, printed)
