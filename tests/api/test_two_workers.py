"""Two workers with one name, as `environment:` and `--scale` make them: one of them stops and says why."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.api.backend import Backend
from tests.api.population import start_training, store_bars
from tests.support.waiting import until

SECONDS = 30.0


@contextmanager
def worker(backend: Backend) -> Iterator[subprocess.Popen[str]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    names = {"KTRDR_WORKER_ID": "same", "KTRDR_API_URL": backend.url, "KTRDR_WORKER_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.api.impostor"], env={**os.environ, **names}, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


def registered(api: httpx.Client) -> str:
    found = api.get("workers").json()["workers"]
    return str(found[0]["registered_at"]) if found else ""


def ended(api: httpx.Client, task: str) -> str:
    """Wait for an operation's end; return its status."""

    def look() -> str | None:
        operation = api.get(f"operations/{task}").json()["operation"]
        return str(operation["status"]) if operation["completed_at"] else None

    return str(until("the training's end", look))


def test_the_earlier_worker_stops_with_an_error_that_names_the_setting_and_the_later_one_works(
    backend: Backend, api: httpx.Client
) -> None:
    store_bars(api)
    with worker(backend) as first:
        before = until("the first worker", lambda: registered(api))
        with worker(backend) as second:
            until("the second worker", lambda: registered(api) != before)
            _, told = first.communicate(timeout=SECONDS)
            assert first.returncode == 1
            assert "stopping: another worker is named same; give each its own KTRDR_WORKER_ID" in told
            for _ in range(3):
                assert ended(api, start_training(api)) == "completed"
            assert second.poll() is None
    backend.until_logged("two workers are named same: the one at 127.0.0.1 was replaced by the one at 127.0.0.1")
