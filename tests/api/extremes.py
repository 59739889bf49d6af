"""The largest that a client may store: models, bars, results, workers. And a limit of memory to hold them in."""

import contextlib
import gzip
import io
import json
import os
import re
import secrets
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from ktrdr.api.bodies import REPORT_VALUES_LIMIT
from ktrdr.data.bars import HEADER, iso
from ktrdr.model_files import CONFIG, FEATURES, FILES, JSON_LIMIT, METADATA, METRICS, MIB, VALUES_LIMIT, WEIGHTS
from ktrdr.records import RECORDS, Kind
from tests.api.population import (
    STRATEGY,
    Worker,
    keep_model,
    start_backtest,
    start_training,
    store_bars,
    store_model,
    training_result,
)
from tests.support.waiting import until

POINTS: Final = 50_000
FIRST: Final = 1_672_617_600
PULSE_S: Final = 1.0
HOLDERS: Final = 6
"""Workers for which there has to be room yet."""
CGROUPS: Final = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),  # version 1
    (Path("/sys/fs/cgroup"), "memory.max"),
)


@contextlib.contextmanager
def limited(pid: int, size: int) -> Iterator[bool]:
    """Let the kernel kill a process that takes more than `size` bytes; False where this may not be asked for."""
    for root, setting in CGROUPS:
        group = root / f"ktrdr-test-{pid}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / setting).write_text(str(size))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError:
            group.rmdir()
            continue
        try:
            yield True
        finally:
            for line in (group / "cgroup.procs").read_text().split():
                (root / "cgroup.procs").write_text(line)
            group.rmdir()
        return
    yield False


def memory(pid: int) -> tuple[float, float]:
    """Return what a process holds, and the most that it has held since its start, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = [re.search(rf"{name}:\s+(\d+) kB", status) for name in ("VmRSS", "VmHWM")]
    now, peak = (int(one[1]) / 1024 for one in found if one)
    return now, peak


def dense(size: int, values: int, before: str = "") -> bytes:
    """Return a JSON mapping of about so many bytes, with as many values as so many separators allow."""
    lists = ",".join(["[]"] * (values // 2 - 20))
    head = f'{{{before}"dense":[{lists}],"text":"'
    return (head + "x" * (size - len(head) - 2) + '"}').encode()


def archive(weights: int = 1, instead: Mapping[str, bytes] | None = None) -> bytes:
    """Return a model of the largest files, with so many bytes of weights; `instead` are files of one's own."""
    metadata = f'"strategy_name":"{STRATEGY}","created_at":"","symbols":["EURUSD"],"timeframes":["1h"],'
    files = {
        WEIGHTS: os.urandom(weights),
        METADATA: dense(JSON_LIMIT, VALUES_LIMIT - 20, metadata),
        **dict.fromkeys((CONFIG, FEATURES, METRICS), dense(JSON_LIMIT, VALUES_LIMIT)),
        **(instead or {}),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in FILES:
            made.writestr(zipfile.ZipInfo(name), files[name])
    return buffer.getvalue()


def withdraw(api: httpx.Client) -> None:
    """Cancel what waits for a worker, so that the next one begins what is started next."""
    for operation in api.get("operations", params={"status": "pending", "limit": 500}).json()["operations"]:
        if not operation["metadata"].get("worker_id"):  # one that a worker holds is pending until it says more
            api.delete(f"operations/{operation['operation_id']}").raise_for_status()


def holder(api: httpx.Client) -> Worker:
    """Return a new worker that holds a training, for which alone it may upload."""
    worker = Worker(api, f"holder-{secrets.token_hex(4)}", "training")
    worker.register()
    withdraw(api)
    start_training(api)
    until("its turn", lambda: worker.beat()["operation"])  # others that have asked of late come first
    return worker


def backtester(api: httpx.Client) -> Worker:
    """Return a new worker that holds a backtest, for which alone it may upload records."""
    worker = Worker(api, f"backtester-{secrets.token_hex(4)}", "backtest")
    worker.register()
    withdraw(api)
    start_backtest(api, model_path="small")
    until("its turn", lambda: worker.beat()["operation"])
    return worker


LINES: Final = {
    "trades": b"long,2023-01-01T22:00:00Z,2023-01-02T22:00:00Z" + b",100000.12345678901" * 7 + b"\n",
    "equity": b"2023-01-01T22:00:00Z,100000.12345678901\n",
}


def record(kind: Kind, size: int = 32 * MIB) -> bytes:
    """Return a record of a backtest that has about so many bytes as CSV: many times what one request may take."""
    line = LINES[kind]
    return gzip.compress(RECORDS[kind].header + line * (size // len(line)), 1)


@contextlib.contextmanager
def at_work(*workers: Worker) -> Iterator[None]:
    """Let workers send heartbeats meanwhile, so that they keep what they hold."""
    stopping = threading.Event()

    def pulse() -> None:
        while not stopping.wait(PULSE_S):
            for worker in workers:
                with contextlib.suppress(httpx.HTTPError):  # the backend may be away
                    worker.beat("running", 50, "epoch 15 of 30")

    thread = threading.Thread(target=pulse)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def bars() -> bytes:
    """Return a series of more bars than one answer holds."""
    rows = (f"{iso(FIRST + 60 * i)},1.2345678901,1.3456789012,1.1234567890,1.2345678901,1234567.125\n"
            for i in range(POINTS + 1000))  # fmt: skip
    return f"{HEADER}\n{''.join(rows)}".encode()


def report(operation_id: str) -> bytes:
    """Return a heartbeat with the longest result of a completed training, of the most values."""
    result = dense(8 * MIB - 20_000, REPORT_VALUES_LIMIT - 100, json.dumps(training_result(operation_id))[1:-1] + ",")
    return b'{"operation":{"operation_id":"%b","status":"completed","result_summary":%b}}' % (
        operation_id.encode(),
        result,
    )


def beat(api: httpx.Client, worker: str, body: bytes) -> httpx.Response:
    """Send a heartbeat."""
    return api.post(f"workers/{worker}/heartbeat", content=body, headers={"Content-Type": "application/json"})


def finish_training(api: httpx.Client) -> str:
    """Store a completed training with the longest result; return its id."""
    worker = Worker(api, "trainer", "training")
    worker.register()
    start_training(api)
    worker.beat()
    beat(api, "trainer", report(worker.operation_id)).raise_for_status()
    return worker.operation_id


def register_many(api: httpx.Client, number: int) -> list[int]:
    """Register so many workers with the longest texts; return the statuses."""
    capabilities: dict[str, Any] = {"gpu": True, "gpu_type": "\N{ROCKET}" * 200, "torch": "é" * 200, "cuda": "\1" * 200}
    bodies = (
        {"worker_id": f"w{place:x<99}", "worker_type": "backtest", "endpoint_url": "http://" + "x" * 293,
         "capabilities": capabilities}
        for place in range(number)
    )  # fmt: skip
    return [api.post("workers/register", json=body).status_code for body in bodies]


def fill(api: httpx.Client) -> str:
    """Store some of everything at its largest; return the id of a training."""
    store_bars(api)
    api.post("data/EURUSD/1m", content=bars(), timeout=120).raise_for_status()
    store_model(api, "small")
    for name in ("m1", "m2", "m3"):
        keep_model(api, name, archive())
    first, *_ = (finish_training(api) for _ in range(2))
    assert register_many(api, 499 - HOLDERS).count(200) == 499 - HOLDERS
    return first
