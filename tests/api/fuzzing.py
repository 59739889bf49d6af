"""schemathesis over a running backend: what it tried, and what it found."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.api.backend import Backend
from tests.api.population import Worker

HERE: Final = Path(__file__).parent
PULSE_SECONDS: Final = 0.5
STARTED_WITHIN: Final = 60


@dataclass(frozen=True)
class Fuzzed:
    """What a run came to: operations of the API that were tried, cases, failures by name with their operations."""

    exit_code: int
    operations: int
    operations_tried: int
    cases: int
    failures: dict[str, list[str]]
    printed: str


def fuzz(backend: Backend, folder: Path, names: dict[str, str], *options: str, seconds: int) -> Fuzzed:
    """Run schemathesis for at most so many seconds; `names` are the variables of its settings."""
    report = folder / "schemathesis.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"),
        "run", f"{backend.url}/openapi.json", "--checks", "all",
        "--exclude-checks", "use_after_free",  # a removed operation stays to be looked at, a living worker comes back
        "--max-time", str(seconds), "--seed", "1",
        "--no-color", "--report", "json", "--report-json-path", str(report), *options,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **names, "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks"},
        capture_output=True,
        text=True,
        timeout=seconds + STARTED_WITHIN,
        check=False,
    )
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return Fuzzed(
        exit_code=done.returncode,
        operations=told["operations"]["total"],
        operations_tried=told["operations"]["tested"],
        cases=told["test_cases"]["generated"],
        failures={failure["type"]: failure["operations"] for failure in told["failures"]},
        printed=done.stdout + done.stderr,
    )


@contextlib.contextmanager
def workers_that_come_back(api: httpx.Client) -> Iterator[None]:
    """Keep a worker of each type registered and beating, whoever removes them meanwhile."""
    crew = (Worker(api, "trainer-1", "training"), Worker(api, "tester-1", "backtest"))
    stopping = threading.Event()

    def pulse() -> None:
        while not stopping.wait(PULSE_SECONDS):
            for worker in crew:
                with contextlib.suppress(httpx.HTTPStatusError):
                    worker.beat("running", 50, "epoch 15 of 30") if worker.operation_id else worker.beat()
                    continue
                worker.operation_id = ""
                worker.register()

    for worker in crew:
        worker.register()
    thread = threading.Thread(target=pulse)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
