"""A worker against the real application, without a network."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from ktrdr.worker.__main__ import SHUTDOWN_S
from ktrdr.worker.agent import LEAVE_WITHIN_S, Agent
from ktrdr.worker.application import application
from ktrdr.worker.backend import Backend, BackendRefusedError
from ktrdr.worker.job import Job, Work
from ktrdr.worker.settings import WorkerSettings
from tests.api.population import training_result
from tests.support.direct_backend import TIMEOUT_S, DirectBackend

SETTINGS = WorkerSettings("training", "w1", 5003, "http://backend:8000", "http://w1:5003")


@pytest.fixture
def hire(backend: DirectBackend) -> Iterator[Callable[[Work], Agent]]:
    agents = []

    def start(work: Work) -> Agent:
        agents.append(Agent(SETTINGS, backend, {"gpu": False}, work))
        agents[-1].start()
        return agents[-1]

    yield start
    for agent in agents:
        agent.stop()


def until(condition: Callable[[], Any]) -> Any:
    """Ask again, a hundred times a second, until the condition holds."""
    tick = threading.Event()
    for _ in range(int(TIMEOUT_S * 100)):
        if outcome := condition():
            return outcome
        tick.wait(0.01)
    pytest.fail("the condition never held")


def start_training(client: TestClient) -> str:
    until(lambda: client.get("workers").json()["workers"])
    return str(client.post("trainings/start", json={"strategy_name": "mlp_fx_hourly"}).json()["task_id"])


def ended(client: TestClient, operation_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        operation: dict[str, Any] = client.get(f"operations/{operation_id}").json()["operation"]
        return operation if operation["completed_at"] else None

    found: dict[str, Any] = until(look)
    return found


def test_a_worker_registers_works_and_reports_the_result(client: TestClient, hire: Callable[[Work], Agent]) -> None:
    def work(job: Job) -> dict[str, Any]:
        bars = job.backend.bars("EURUSD-SAMPLE", "1h", "2023-05-01", "2023-05-31")
        job.report(40, "half way", 1, 2)
        return {**training_result(job.operation_id), "bars": len(bars)}

    hire(work)
    operation = ended(client, start_training(client))
    assert (operation["status"], operation["result_summary"]["bars"]) == ("completed", 552)
    assert operation["progress"]["percentage"] == 100
    assert until(lambda: client.get("workers/w1").json()["worker"]["status"] == "idle")


def test_work_that_fails_is_reported_with_its_reason(client: TestClient, hire: Callable[[Work], Agent]) -> None:
    def work(_job: Job) -> dict[str, Any]:
        raise ValueError("out of luck")

    hire(work)
    operation = ended(client, start_training(client))
    assert (operation["status"], operation["error_message"]) == ("failed", "ValueError: out of luck")


@pytest.mark.parametrize("text", ["half a character \ud800", "NUL \0"])
def test_a_reason_that_cannot_be_written_is_reported_without_what_cannot(
    client: TestClient, hire: Callable[[Work], Agent], text: str
) -> None:
    def work(job: Job) -> dict[str, Any]:
        job.report(1, text, 0, 0)
        raise ValueError(text)

    hire(work)
    operation = ended(client, start_training(client))
    reason = f"{text[:-1]}?"
    assert (operation["error_message"], operation["progress"]["current_step"]) == (f"ValueError: {reason}", reason)


def test_an_end_that_the_backend_refuses_is_a_plain_failure_and_the_worker_goes_on(
    client: TestClient, hire: Callable[[Work], Agent]
) -> None:
    losses = [float("nan"), 1.0]
    hire(lambda job: {**training_result(job.operation_id), "loss": losses.pop(0)})
    refused, taken = (ended(client, start_training(client)) for _ in range(2))
    assert (refused["status"], refused["error_code"]) == ("failed", "worker_error")
    assert "The backend refuses the report: invalid_request: " in refused["error_message"]
    assert (taken["status"], taken["result_summary"]["loss"]) == ("completed", 1.0)


def test_a_worker_whose_every_end_is_refused_forgets_it_and_goes_on(
    client: TestClient, backend: DirectBackend, hire: Callable[[Work], Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        operation = (body or {}).get("operation") or {"status": "running"}
        if operation["status"] != "running" and len(said) < 2:
            said.append(operation["status"])
            raise BackendRefusedError(422, "invalid_request", "no")
        return DirectBackend.call(backend, method, path, body)

    def work(job: Job) -> dict[str, Any]:
        until(lambda: client.get(f"operations/{job.operation_id}").json()["operation"]["status"] == "running")
        return training_result(job.operation_id)

    monkeypatch.setattr(backend, "call", call)
    hire(work)
    lost, taken = (ended(client, start_training(client)) for _ in range(2))
    assert (said, lost["status"], taken["status"]) == (["completed", "failed"], "failed", "completed")


def endless(job: Job) -> dict[str, Any]:
    while True:
        job.check()
        threading.Event().wait(0.005)


def test_a_cancelled_operation_stops_its_worker(client: TestClient, hire: Callable[[Work], Agent]) -> None:
    hire(endless)
    operation_id = start_training(client)
    until(lambda: client.get(f"operations/{operation_id}").json()["operation"]["status"] == "running")
    client.delete(f"operations/{operation_id}")
    assert ended(client, operation_id)["status"] == "cancelled"


class Dripping(BaseHTTPRequestHandler):
    """Answers a registration; to all else it sends a byte every now and then, and never all of them."""

    ended = threading.Event()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = self.path.endswith("/register")
        self.send_response(200)
        self.send_header("Content-Length", "2" if whole else "1000000")
        self.end_headers()
        self.wfile.write(b"{}" if whole else b"")
        with contextlib.suppress(OSError):
            while not whole and not self.ended.wait(0.05):
                self.wfile.write(b" ")

    do_POST = do_DELETE = answer  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def dripping() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        Dripping.ended.set()
        server.shutdown()


def test_a_worker_leaves_in_time_a_backend_that_answers_byte_by_byte(
    dripping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr.worker.agent.STOP_WITHIN_S", 0.1)
    monkeypatch.setattr("ktrdr.worker.agent.LEAVE_WITHIN_S", 0.4)
    agent = Agent(SETTINGS, Backend(dripping), {}, endless)
    agent.start()
    until(lambda: agent.registered)
    stop = threading.Thread(target=agent.stop, daemon=True)
    stop.start()
    stop.join(TIMEOUT_S)
    assert not stop.is_alive()


def test_a_worker_is_gone_before_docker_kills_it() -> None:
    docker_stops_within_s = 10
    assert docker_stops_within_s > SHUTDOWN_S + LEAVE_WITHIN_S


def test_a_worker_waits_for_a_backend_that_is_away_and_stays_healthy(
    client: TestClient, backend: DirectBackend
) -> None:
    backend.away = True
    agent = Agent(SETTINGS, backend, {}, endless)
    with TestClient(application(agent)) as worker:
        health = worker.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["registered"]) == (200, "ok", False)
        backend.away = False
        until(lambda: agent.registered)
        assert client.get("workers").json()["workers"][0]["type"] == "training"
        assert "ktrdr_worker_registered 1" in worker.get("/metrics").text
        assert {worker.get(page).status_code for page in ("/docs", "/redoc")} == {404}


def test_a_worker_the_backend_has_forgotten_registers_again(client: TestClient, hire: Callable[[Work], Agent]) -> None:
    hire(endless)
    until(lambda: client.get("workers").json()["workers"])
    client.delete("workers/w1")
    assert until(lambda: client.get("workers").json()["workers"])


ODD_ANSWERS: dict[str, bytes] = {
    "a list": b"[]",
    "nothing": b"null",
    "an object of other things": b"{}",
    "work without a name": b'{"cancel": false, "operation": {"request": {}}}',
}


@pytest.mark.parametrize("odd", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_a_worker_outlives_odd_answers_to_heartbeats_and_reports_its_work_all_the_same(
    client: TestClient,
    backend: DirectBackend,
    hire: Callable[[Work], Agent],
    monkeypatch: pytest.MonkeyPatch,
    odd: bytes,
) -> None:
    left = [b'"operation": null', b'"completed"']  # the first heartbeat without work, and the first report of its end

    def try_once(
        method: str, path: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        if left and left[0] in (content or b""):
            del left[0]
            return odd, {}
        return DirectBackend.try_once(backend, method, path, content, headers)

    monkeypatch.setattr(backend, "try_once", try_once)
    agent = hire(lambda job: training_result(job.operation_id))
    assert ended(client, start_training(client))["status"] == "completed"
    assert (left, agent.problem()) == ([], None)


def test_what_nobody_foresaw_is_logged_with_its_traceback(
    backend: DirectBackend, hire: Callable[[Work], Agent], caplog: pytest.LogCaptureFixture
) -> None:
    backend.client = cast("TestClient", None)
    hire(endless)
    assert until(lambda: [record for record in caplog.records if record.exc_info])


def test_a_worker_that_was_removed_is_unknown_until_it_registers_again(client: TestClient) -> None:
    registration = {"worker_id": "w1", "worker_type": "training", "endpoint_url": "http://w1:5003"}
    for _ in range(2):
        assert client.post("workers/register", json=registration).status_code in (200, 201)
        assert client.delete("workers/w1").status_code == 200
        assert client.get("workers/w1").status_code == 404
        assert client.delete("workers/w1").status_code == 404


def test_a_worker_whose_agent_has_ended_is_not_healthy(backend: DirectBackend) -> None:
    agent = Agent(SETTINGS, backend, {}, endless)
    worker = TestClient(application(agent))
    health = worker.get("/health")
    assert (health.status_code, "has ended" in health.json()["reason"]) == (503, True)


@pytest.mark.parametrize("source", ["raise ImportError('absent')", "raise OSError('libcudart.so is missing')", ""])
@pytest.mark.parametrize("command", [["ktrdr.worker"], ["uvicorn", "ktrdr.training.training_worker:app"]])
def test_without_a_working_torch_the_process_stops_at_once_and_names_the_images(
    tmp_path: Path, source: str, command: list[str]
) -> None:
    (tmp_path / "torch.py").write_text(source)
    run = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode != 0
    assert "ktrdr-worker-cpu:test or ktrdr-worker-gpu:test" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("KTRDR_WORKER_TYPE", "dreaming"), ("KTRDR_WORKER_PORT", "no"), ("KTRDR_API_URL", "backend:8000"),
     ("KTRDR_WORKER_ID", "../x")],
)  # fmt: skip
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        WorkerSettings.from_environment({name: value})


def test_settings_default_to_a_training_worker_on_port_5003() -> None:
    settings = WorkerSettings.from_environment({"KTRDR_API_URL": "http://backend:8000/api/v1/"})
    assert (settings.worker_type, settings.port, settings.api_url) == ("training", 5003, "http://backend:8000")
    assert settings.endpoint_url.endswith(":5003")
