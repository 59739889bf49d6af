"""What ended a backend once, tried on the real images under compose's own limits: it is never started again."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.engine.runs import new_run
from ktrdr.api.budget import LARGE_TOTAL
from ktrdr.api.costs import COSTS
from ktrdr.api.services.dispatch import WORKERS_LIMIT
from ktrdr.model_files import MIB
from tests.api.extremes import archive, at_work, bars, dense, finish_training, holder, register_many
from tests.api.population import GPU, STRATEGY, Worker, store_bars, training_result
from tests.api.storm import at_once, connect, storm, unread
from tests.integration.composed import UP_SECONDS, Project
from tests.integration.conftest import Images
from tests.support.waiting import until

SECONDS = 180.0
WEIGHTS = 54 * MIB
TRAINING = {"strategy_name": STRATEGY, "start_date": "2023-01-01", "end_date": "2023-02-15"}
ROOM = LARGE_TOTAL // COSTS["POST /api/v1/data/{symbol}/{timeframe}"].memory
"""So many uploads are read at once."""
UPLOAD = b"POST /api/v1/data/EURUSD/1h HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\ntimestamp,open"


@dataclass(frozen=True)
class Served:
    """A backend in compose's container, and a client of it."""

    project: Project
    api: httpx.Client

    @property
    def url(self) -> str:
        """The address of its page."""
        return str(self.api.base_url).removesuffix("/api/v1/")

    @property
    def state(self) -> dict[str, Any]:
        """What the engine says of its container."""
        (found,) = self.project.containers("backend")
        return found


def client(project: Project, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=f"{project.url()}/api/v1/", timeout=SECONDS, trust_env=False, headers=headers)


@pytest.fixture(scope="module")
def started(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with new_run(images.engine) as run:
        project = Project(images, run, tmp_path_factory.mktemp("project"))
        project.up("backend")
        with client(project) as api:
            store_bars(api)
            yield Served(project, api)


@pytest.fixture
def served(started: Served) -> Iterator[Served]:
    """Whatever a test does to it, it is the same process afterwards, within the limits that compose gave it."""
    begun = started.state["State"]["StartedAt"]
    yield started
    found = started.state
    assert (found["HostConfig"]["Memory"], found["HostConfig"]["NanoCpus"]) == (512_000_000, 10**9)
    assert (found["RestartCount"], found["State"]["OOMKilled"]) == (0, False)
    assert (found["State"]["Running"], found["State"]["StartedAt"]) == (True, begun)
    assert started.api.get("health").json()["status"] == "ok"


def test_large_models_bars_and_results_many_at_once_and_unread(served: Served) -> None:
    api, large = served.api, archive(WEIGHTS)
    api.post("data/EURUSD/1m", content=bars()).raise_for_status()
    training, keeper = finish_training(api), holder(api)
    with at_work(keeper):
        assert keeper.upload(archive() + dense(8 * MIB, 5_000_000)).status_code == 422
        keeper.upload(large).raise_for_status()
    with unread(api, f"models/{keeper.model}/archive", f"operations/{training}/results"):
        storms = storm(api, training, keeper.model, large)
    assert set().union(*storms.values()) <= {200, 201, 503}, storms
    assert [name for name, statuses in storms.items() if set(statuses) == {503}] == []
    removed = set()
    while listed := api.get("models").json()["models"]:  # a page ends where its answer would be too long
        for model in listed:
            assert api.delete(f"models/{model['name']}").status_code == 200
            removed.add(model["name"])
    assert keeper.model in removed


def test_a_foreign_page_and_a_foreign_name(served: Served) -> None:
    csv = "timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1,10\n"
    plain = {"Content-Type": "text/plain"}
    for origin in ("http://192.0.2.2:8000", "null"):  # what a browser sends to an address that is not loopback
        answer = served.api.post("data/EVIL/1h", content=csv, headers={**plain, "Origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
        assert served.api.get("operations", headers={"Origin": origin}).status_code == 403
    assert served.api.post("data/OWN/1h", content=csv, headers={**plain, "Origin": served.url}).status_code == 201
    named = {
        path: served.api.get(path, headers={"Host": "evil.example"}) for path in ("health", "operations", "models")
    }
    assert [answer.status_code for answer in named.values()] == [200, 403, 403]
    for answer in named.values():
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_results_models_and_reports_of_whoever_pretends(served: Served) -> None:
    api, trainer = served.api, holder(served.api)
    stranger = Worker(api, "stranger", "training")
    stranger.register()
    stranger.operation_id = trainer.operation_id
    assert stranger.upload(archive()).status_code == 409
    forged = {**training_result(trainer.operation_id), "model_path": "models/../../etc"}
    results: list[dict[str, Any]] = [{}, forged, {"training_metrics": []}]
    for result in results:
        report = {"operation_id": trainer.operation_id, "status": "completed", "result_summary": result}
        assert api.post(f"workers/{trainer.worker_id}/heartbeat", json={"operation": report}).status_code == 422
    assert api.get(f"trainings/{trainer.operation_id}/performance").status_code == 409
    trainer.beat("completed", 100, "done", result_summary=training_result())
    assert api.get(f"trainings/{trainer.operation_id}/performance").status_code == 200


def test_a_worker_that_never_asks_and_workers_without_number(served: Served) -> None:
    api = served.api
    Worker(api, "ghost", "training", GPU).register()
    assert holder(api).operation_id, "it has its turn beside a GPU that never asks"
    statuses = register_many(api, WORKERS_LIMIT + 100)
    assert {*statuses} <= {200, 429}
    assert {*at_once(24, lambda _: api.get("workers"))} <= {200, 503}
    found = api.get("workers").json()["workers"]
    assert 0 < len(found) <= WORKERS_LIMIT
    for worker in found:
        api.delete(f"workers/{worker['worker_id']}").raise_for_status()


@pytest.mark.parametrize("line", [b"x,\n", b"\n"], ids=["bad lines", "empty lines"])
def test_six_mebibytes_of_lines_that_are_refused(served: Served, line: bytes) -> None:
    before = served.project.images.client.api.stats(served.state["Id"], stream=False)["cpu_stats"]["cpu_usage"]
    head = b"timestamp,open,high,low,close,volume\n"
    answers = at_once(4, lambda _: served.api.post("data/EURUSD/1h", content=head + line * (6 * MIB // len(line))))
    after = served.project.images.client.api.stats(served.state["Id"], stream=False)["cpu_stats"]["cpu_usage"]
    assert answers == [422] * 4
    assert (after["total_usage"] - before["total_usage"]) / 1e9 < 4.0, "seconds of a processor; it was 37 for one"


def test_half_a_request_is_closed(served: Served) -> None:
    half = connect(served.api, b"GET /api/v1/health HTTP/1.1\r\nHost:")
    with half, contextlib.suppress(ConnectionError):
        assert half.recv(1) == b""


def test_a_stop_with_200_open_uploads_is_no_kill_and_leaves_nothing(images: Images, tmp_path: Path) -> None:
    with new_run(images.engine) as run:
        project = Project(images, run, tmp_path)
        project.up("backend")
        look = ["exec", "-T", "backend", "find", "/data", "-name", ".upload-*"]
        with client(project) as api, contextlib.ExitStack() as opened:
            for _ in range(200):
                opened.enter_context(connect(api, UPLOAD))
            until("uploads under way", lambda: len(project.compose(*look).printed.split()) >= ROOM // 2)
            # It ends by itself; in how many seconds, a busy machine decides. test_connections compares them with 10
            stopped = project.compose("stop", "--timeout", "90", "backend")
        (found,) = project.containers("backend")
        assert (stopped.code, found["State"]["ExitCode"], found["State"]["OOMKilled"]) == (0, 0, False)
        project.up("backend")
        assert project.compose(*look).printed.split() == []


@pytest.fixture
def two_named_alike(images: Images, tmp_path: Path) -> Iterator[Project]:
    """Two training workers with one name, as `environment:` and `--scale` make them, and shared secrets."""
    files = {name: tmp_path / name for name in ("worker", "client")}
    for path in files.values():
        path.write_text(secrets.token_hex(32), encoding="ascii")
    more = {"training-worker": {"environment": {"KTRDR_WORKER_ID": "same"}, "restart": "no"}}
    with new_run(images.engine) as run:
        project = Project(images, run, tmp_path, more, files)
        project.up("backend")
        up = project.compose("up", "--detach", "--scale", "training-worker=2", "training-worker", seconds=UP_SECONDS)
        assert up.code == 0, up
        yield project


def test_of_two_workers_with_one_name_one_stops_and_says_why_and_only_who_knows_a_secret_works(
    two_named_alike: Project, tmp_path: Path
) -> None:
    project, secret = two_named_alike, (tmp_path / "client").read_text(encoding="ascii")

    def gone() -> list[dict[str, Any]]:
        return [one for one in project.containers("training-worker") if not one["State"]["Running"]]

    (stopped,) = until("one worker to stop", gone, UP_SECONDS)
    assert stopped["State"]["ExitCode"] == 1
    assert "another worker is named same; give each its own KTRDR_WORKER_ID" in project.log(stopped)
    (backend,) = project.containers("backend")
    assert "two workers are named same: the one at " in project.log(backend)
    with client(project) as stranger, client(project, Authorization=f"Bearer {secret}") as api:
        store_bars(api)
        body = {"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:5003"}
        refused = [stranger.post("trainings/start", json=TRAINING), api.post("workers/register", json=body)]
        assert [answer.status_code for answer in refused] == [401, 401]
        task = api.post("trainings/start", json=TRAINING).json()["task_id"]

        def ended() -> dict[str, Any] | None:
            operation: dict[str, Any] = stranger.get(f"operations/{task}").json()["operation"]
            return operation if operation["completed_at"] else None

        assert until("the training's end", ended, UP_SECONDS)["status"] == "completed"
    (backend,) = project.containers("backend")
    assert (backend["RestartCount"], backend["State"]["OOMKilled"], len(gone())) == (0, False, 1)
