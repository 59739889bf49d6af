"""A backend that is killed and started again, as a process of its own, spoken to over HTTP alone."""

import json
from pathlib import Path

from ktrdr.data.sample import generate, to_csv
from ktrdr.model_files import FILES, digest, pack
from ktrdr.names import model_name
from tests.api.population import training_result
from tests.store.backend import Backend

MODEL = {
    "strategy_name": "s", "created_at": "2024-01-01T00:00:00+00:00", "symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"],
}  # fmt: skip
TRAINING = {"strategy_name": "mlp_fx_hourly"}


def register(backend: Backend, worker_id: str) -> str:
    body = {"worker_id": worker_id, "worker_type": "training", "endpoint_url": f"http://{worker_id}:5003"}
    return str(backend.post("workers/register", body)["token"])


def model(folder: Path) -> bytes:
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(json.dumps(MODEL), encoding="utf-8")
    return pack(folder)


def kept(backend: Backend) -> list[object]:
    """All that a backend must still know after it was killed."""
    return [backend.get(path) for path in ("operations", "models", "data/info", "data/EURUSD-SAMPLE/1h?limit=5")]


def test_operations_queue_workers_models_and_bars_outlive_a_backend_that_is_killed(
    backend: Backend, tmp_path: Path
) -> None:
    backend.start()
    assert backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(generate())).status_code == 201
    token = register(backend, "w")
    tasks = [backend.post("trainings/start", TRAINING)["task_id"] for _ in range(3)]
    assert backend.post("workers/w/heartbeat")["operation"]["operation_id"] == tasks[0]
    archive, name = model(tmp_path / "model"), model_name(TRAINING["strategy_name"], tasks[0])
    headers = {"X-Content-SHA256": digest(archive), "X-Worker-Token": token}
    assert backend.client.put(f"models/{name}/archive", content=archive, headers=headers).status_code == 201
    running = {"operation_id": tasks[0], "status": "running", "progress": {"percentage": 40, "current_step": "epoch 4"}}
    backend.post("workers/w/heartbeat", {"operation": running})
    before = kept(backend)

    backend.kill()
    assert backend.health() == {}
    backend.start()

    assert kept(backend) == before
    (worker,) = backend.get("workers")["workers"]
    assert (worker["worker_id"], worker["status"], worker["current_operation_id"]) == ("w", "busy", tasks[0])
    # The worker goes on where it was: nobody has to register again, and the queue's order stands.
    for position, task in enumerate(tasks):
        report = {"operation_id": task, "status": "completed", "result_summary": training_result(task)}
        following = backend.post("workers/w/heartbeat", {"operation": report})["operation"]
        assert (following or {}).get("operation_id") == (tasks[position + 1] if position < 2 else None)
    assert [backend.get(f"operations/{task}")["operation"]["status"] for task in tasks] == ["completed"] * 3
    assert digest(backend.client.get(f"models/{name}/archive").content) == digest(archive)
    assert "Traceback" not in backend.printed


def test_what_was_accepted_right_before_the_kill_is_there(backend: Backend) -> None:
    backend.start()
    assert backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(generate())).status_code == 201
    register(backend, "w")
    accepted = []
    for _ in range(2):
        accepted.append(backend.post("trainings/start", TRAINING)["task_id"])
        backend.kill()
        backend.start()
    queued = backend.get("operations?status=pending")["operations"]
    assert [operation["operation_id"] for operation in queued] == accepted[::-1]
