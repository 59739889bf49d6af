"""Lets workers that compute nothing work for one backend: `python crowd.py SECONDS STEP,STEP,… COMMAND…`.

Starts the command, the backend, and then more and more workers. Each registers, beats and reports as the real one does,
with a connection for each request. A training takes 10 to 30 s; it has an epoch a second, a checkpoint every ten, and
uploads a model at its end. A client keeps so many trainings waiting that none is idle.

Prints a JSON object: `steps` with what the heartbeats of each number of workers took, and the operations that were
accepted, `lost`, given out `twice` or `out_of_order`. At the end every accepted operation is waited for.
"""

import asyncio
import contextlib
import io
import json
import random
import re
import statistics
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ktrdr.data.sample import generate, to_csv
from ktrdr.model_files import FILES, WEIGHTS, digest
from ktrdr.names import model_name

HOST, PORT = "127.0.0.1", 8000
SECONDS: Final = 120.0
STRATEGY: Final = "mlp_fx_hourly"
IDLE_S, BUSY_S = 2.0, 1.0  # between two heartbeats, as of ktrdr.worker.agent
WORK_S: Final = (10.0, 30.0)
CHECKPOINT_EVERY: Final = 10
WAITING: Final = 40
"""So many trainings wait at least, while there is more to come."""
SETTLING_S: Final = 5.0
ABOUT: Final = {"strategy_name": STRATEGY, "created_at": "2024-01-01T00:00:00+00:00", "symbols": [], "timeframes": []}
CHECKPOINT: Final = bytes(60_000)
TRAINING: Final = {
    "epochs_trained": 30, "best_epoch": 20, "first_train_loss": 1.1, "final_train_loss": 0.71,
    "final_train_accuracy": 0.64, "train_majority_share": 0.5, "final_val_loss": 0.78, "final_val_accuracy": 0.6,
    "val_majority_share": 0.51, "training_time": 12.5,
}  # fmt: skip
RESULT: Final = {
    "training_metrics": TRAINING,
    "test_metrics": dict.fromkeys(("test_accuracy", "test_loss", "precision", "recall", "f1_score"), 0.6),
    "model_info": {
        "parameter_count": 1234, "feature_count": 3, "feature_names": ["rsi.low", "rsi.high", "macd"],
        "classes": ["SELL", "HOLD", "BUY"],
    },
    "data_summary": {
        "symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"], "start_date": "2023-01-01T22:00:00Z",
        "end_date": "2023-03-31T23:00:00Z", "total_samples": 1500, "training_samples": 1050,
        "validation_samples": 225, "test_samples": 225,
    },
}  # fmt: skip


@dataclass
class Seen:
    """What the crowd has seen: who was given what and when, and what heartbeats took in the present step."""

    accepted: list[str] = field(default_factory=list)
    given: dict[str, list[tuple[str, float, float]]] = field(default_factory=dict)
    """Operation -> the worker that it was given to, when that one had asked, and when the answer was there."""
    ended: set[str] = field(default_factory=set)
    took: list[float] = field(default_factory=list)
    feeding: bool = True
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """A worker has registered: before, nobody may start a training."""
    done: asyncio.Event = field(default_factory=asyncio.Event)


async def ask(
    method: str, path: str, content: bytes = b"", kind: str = "application/json", **headers: str
) -> dict[str, Any]:
    """Send a request over a connection of its own; return the JSON answer."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, PORT), SECONDS)
    lines = [f"{method} {path if path.startswith('/') else f'/api/v1/{path}'} HTTP/1.1", f"Host: {HOST}:{PORT}"]
    lines += ["Connection: close", f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        answer = await asyncio.wait_for(reader.read(), SECONDS)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status not in (200, 201, 202):
        raise OSError(f"{method} {path} was answered with {status}: {body[:300]!r}")
    found: dict[str, Any] = json.loads(body)
    return found


class Worker:
    """One of the crowd, for ever."""

    def __init__(self, number: int, seen: Seen) -> None:
        self.name = f"crowd-{number:04}"
        self._seen = seen
        self._token = ""

    async def work(self) -> None:
        """Register, then ask for work and do it."""
        await asyncio.sleep(random.uniform(0, SETTLING_S / 2))  # noqa: S311  as machines that start beside each other
        about = {"worker_id": self.name, "worker_type": "training", "endpoint_url": f"http://{self.name}:5003"}
        answer = await ask("POST", "workers/register", json.dumps(about).encode())
        self._token = answer["token"]
        self._seen.known.set()
        given = None
        while True:
            while not given:
                given = await self._beat(None)
                await asyncio.sleep(0 if given else IDLE_S)
            given = await self._do(given)

    async def _do(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """Do a training; return what the report of its end brought."""
        operation_id = operation["operation_id"]
        seconds = random.uniform(*WORK_S)  # noqa: S311  no secret
        begins, epoch = time.monotonic(), 0
        while (done := time.monotonic() - begins) < seconds:
            epoch += 1
            await self._beat(_running(operation_id, epoch, done / seconds))
            if epoch % CHECKPOINT_EVERY == 0:
                await self._send(f"operations/{operation_id}/checkpoint", CHECKPOINT, "application/octet-stream")
            await asyncio.sleep(BUSY_S)
        name = model_name(STRATEGY, operation_id)
        await self._send(f"models/{name}/archive", MODEL, "application/zip")
        following = await self._beat(_completed(operation_id, name))
        if operation_id in self._seen.ended:
            sys.exit(f"{operation_id} ended twice")
        self._seen.ended.add(operation_id)
        if not self._seen.feeding and len(self._seen.ended) == len(self._seen.accepted):
            self._seen.done.set()
        return following

    async def _send(self, path: str, content: bytes, kind: str) -> None:
        await ask("PUT", path, content, kind, X_Content_SHA256=digest(content), X_Worker_Token=self._token)

    async def _beat(self, report: dict[str, Any] | None) -> dict[str, Any] | None:
        """Send a heartbeat; return the operation that it brought."""
        asked = time.monotonic()
        body = json.dumps({"operation": report}).encode()
        answer = await ask("POST", f"workers/{self.name}/heartbeat", body, X_Worker_Token=self._token)
        answered = time.monotonic()
        self._seen.took.append((answered - asked) * 1000)
        given: dict[str, Any] | None = answer["operation"]
        if given:
            self._seen.given.setdefault(given["operation_id"], []).append((self.name, asked, answered))
        return given


def _running(operation_id: str, epoch: int, share: float) -> dict[str, Any]:
    progress = {
        "percentage": round(100 * share, 2), "current_step": f"epoch {epoch} of 30: validation loss 1.0627",
        "steps_completed": epoch, "steps_total": 30,
    }  # fmt: skip
    losses = {"train_loss": 1.05, "train_accuracy": 0.5, "val_loss": 1.06, "val_accuracy": 0.5}
    report = {"operation_id": operation_id, "status": "running", "progress": progress, "error": None}
    return {**report, "result_summary": None, "epochs": [{"epoch": epoch, **losses}]}


def _completed(operation_id: str, name: str) -> dict[str, Any]:
    progress = {"percentage": 100.0, "current_step": "done", "steps_completed": 30, "steps_total": 30}
    report = {"operation_id": operation_id, "status": "completed", "progress": progress, "error": None}
    return {**report, "result_summary": {"model_path": f"models/{name}", **RESULT}, "epochs": []}


def _model() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in FILES:
            archive.writestr(name, bytes(20_000) if name == WEIGHTS else json.dumps(ABOUT))
    return file.getvalue()


MODEL: Final = _model()


async def feed(seen: Seen) -> None:
    """Keep trainings waiting."""
    await seen.known.wait()
    while seen.feeding:
        if len(seen.accepted) - len(seen.given) >= WAITING:
            await asyncio.sleep(0.02)
            continue
        answer = await ask("POST", "trainings/start", json.dumps({"strategy_name": STRATEGY}).encode())
        seen.accepted.append(answer["task_id"])


async def step(seen: Seen, workers: int, seconds: float, server: int) -> dict[str, float]:
    """Let the crowd settle, then measure so many seconds."""
    await asyncio.sleep(SETTLING_S)
    seen.took, cpu, began = [], _cpu_seconds(server), time.monotonic()
    await asyncio.sleep(seconds)
    lasted, took = time.monotonic() - began, sorted(seen.took)
    return {
        "workers": workers,
        "median": statistics.median(took),
        "p99": took[int(0.99 * len(took))],
        "memory": _peak_bytes(server) / 1e6,
        "a_second": len(took) / lasted,
        "cpu": (_cpu_seconds(server) - cpu) / lasted,
    }


async def crowd(seconds: float, numbers: list[int], server: int) -> dict[str, Any]:
    """Let more and more workers work; return what was measured and what became of the operations."""
    await healthy()
    await ask("POST", "data/EURUSD-SAMPLE/1h", to_csv(generate()).encode(), "text/csv")
    seen, steps, tasks = Seen(), [], list[asyncio.Task[None]]()
    feeding = asyncio.create_task(feed(seen))
    for number in numbers:
        tasks += [asyncio.create_task(Worker(place, seen).work()) for place in range(len(tasks), number)]
        steps.append(await step(seen, number, seconds, server))
        for task in [feeding, *tasks]:
            if task.done():
                task.result()
    seen.feeding = False
    await feeding
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(seen.done.wait(), SECONDS)
    for task in tasks:
        task.cancel()
    return {"steps": steps, **await became(seen)}


async def became(seen: Seen) -> dict[str, int]:
    """Compare what was accepted with what was given out and with what the backend lists."""
    states: dict[str, str] = {}
    for offset in range(0, len(seen.accepted) + 1, 500):
        answer = await ask("GET", f"operations?brief=true&operation_type=training&limit=500&offset={offset}")
        states |= {one["operation_id"]: one["status"] for one in answer["operations"]}
    return {
        "accepted": len(seen.accepted),
        "lost": sum(states.get(one) != "completed" for one in seen.accepted) + len(states.keys() - {*seen.accepted}),
        "twice": sum(len({worker for worker, *_ in given}) > 1 for given in seen.given.values()),
        "out_of_order": out_of_order([seen.given[one][0][1:] for one in seen.accepted if one in seen.given]),
    }


def out_of_order(given: list[tuple[float, float]]) -> int:
    """Return how many operations, in the queue's order, were asked for only after a later one had been answered.

    Each has the moments at which the worker that got it had asked, and had its answer.
    """
    found, earliest_answer = 0, float("inf")
    for asked, answered in reversed(given):
        found += asked > earliest_answer
        earliest_answer = min(earliest_answer, answered)
    return found


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


async def healthy() -> None:
    """Wait until the backend is."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, IndexError):
            if (await ask("GET", "health"))["status"] == "ok":
                return
        await asyncio.sleep(0.02)
    sys.exit(f"the backend was not healthy within {SECONDS:.0f} s")


def main() -> None:
    """Start the command, let the crowd work, and print."""
    seconds, numbers, command = float(sys.argv[1]), [int(word) for word in sys.argv[2].split(",")], sys.argv[3:]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            found = asyncio.run(crowd(seconds, numbers, server.pid))
        finally:
            server.terminate()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
