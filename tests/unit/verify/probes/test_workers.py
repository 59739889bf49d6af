"""Each worker type does its work and starts in a process of its own: what becomes of one is no other's trouble."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import own, results, run, write
from verify.observe.requests import source

DRIVER = """
import json, os
begun = begin(json.loads(os.environ["KTRDR_PROBE_ARGUMENT"]), time.monotonic())
os.write(int(os.environ["KTRDR_PROBE_FD"]), json.dumps(outcomes(begun)).encode())
"""
# As much of ktrdr as is tried: work that ends, and a worker that answers for itself.
WORKER = """
import http.server, json, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "ok", "worker_type": SAYS}).encode()
        self.send_response(STATUS)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
SAYS, STATUS = os.environ["KTRDR_WORKER_TYPE"], 200
START
http.server.HTTPServer(("127.0.0.1", int(os.environ["KTRDR_WORKER_PORT"])), Health).serve_forever()
"""
WORKS = "def {}(job):\n    job.backend.upload_model('m', b'x')\n    return job.request\n"
JOB = """
class Job:
    def __init__(self, assignment, backend, ended):
        self.request, self.backend = assignment["request"], backend
"""
SAMPLE = """
class Bars:
    def between(self, first, last):
        return self
def generate():
    return Bars()
"""
MODULES = {
    **dict.fromkeys(["__init__", *(f"{name}/__init__" for name in ("worker", "data", "training", "backtesting"))], ""),
    "worker/application": "", "worker/__main__": WORKER.replace("START", ""), "worker/job": JOB, "data/sample": SAMPLE,
    "model_files": "def digest(data):\n    return ''\n",
    "training/training_worker": WORKS.format("train"), "backtesting/backtest_worker": WORKS.format("backtest"),
}  # fmt: skip


def tried(directory: Path, *kinds: str, seconds: float = 60.0, **changed: str) -> dict[str, Any]:
    """What is reported of these types, with a module of ktrdr's changed, by the last word of its name."""
    for name, text in MODULES.items():
        write(directory, {f"ktrdr/{name}.py": changed.get(name.rpartition("/")[2].strip("_"), text)})
    text = source("workers").replace("SECONDS = 90.0", f"SECONDS = {seconds}").replace("AFTER = 3.0", "AFTER = 0.5")
    result = results(run(directory, {"workers": own(text + DRIVER, kinds)}))["workers"]
    report: dict[str, Any] = result.get("report", {})  # none where nothing was told
    return report


def started(directory: Path, start: str, seconds: float = 60.0) -> dict[str, Any]:
    """What is reported of the start of a training worker that does this first."""
    found = tried(directory, "training", seconds=seconds, main=WORKER.replace("START", start))
    outcome: dict[str, Any] = found["training"]["start"]
    return outcome


def test_every_type_works_and_starts_as_what_it_is(tmp_path: Path) -> None:
    assert tried(tmp_path, "training", "backtest") == {
        kind: {"work": {"ok": True}, "start": {"ok": True, "names": [kind]}} for kind in ("training", "backtest")
    }


def test_only_the_types_that_are_asked_for_are_tried(tmp_path: Path) -> None:
    assert set(tried(tmp_path, "training")) == {"training"}


def test_work_that_raises_is_told_and_the_other_type_is_tried_all_the_same(tmp_path: Path) -> None:
    found = tried(tmp_path, "training", "backtest", backtest_worker="raise OSError('no library')")
    assert found["backtest"]["work"]["error"] == "OSError: no library"
    assert found["training"] == {"work": {"ok": True}, "start": {"ok": True, "names": ["training"]}}


def test_work_that_ends_its_process_is_told_by_the_start_that_never_came(tmp_path: Path) -> None:
    ends = "import os\ndef train(job):\n    os._exit(3)\n"
    found = tried(tmp_path, "training", training_worker=ends)
    assert found == {"training": {"start": found["training"]["start"]}}
    assert found["training"]["start"]["error"] == "RuntimeError: it ended before it answered"


@pytest.mark.parametrize("start", ["raise SystemExit(2)", "import nothing_like_this", "os._exit(0)"])
def test_a_worker_that_ends_when_it_starts_is_told(tmp_path: Path, start: str) -> None:
    assert started(tmp_path, start)["error"] == "RuntimeError: it ended before it answered"


def test_a_worker_that_takes_itself_for_another_type_is_told(tmp_path: Path) -> None:
    assert started(tmp_path, "SAYS = 'other'") == {"ok": True, "names": ["other"]}


def test_a_worker_that_never_answers_well_is_told_with_its_last_answer(tmp_path: Path) -> None:
    assert started(tmp_path, "STATUS = 503", seconds=3.0)["error"].startswith("TimeoutError: no healthy answer: 503 {")


def test_a_worker_that_never_answers_is_not_seen(tmp_path: Path) -> None:
    never = WORKER.replace("START", "import time; time.sleep(60)")
    assert "start" not in tried(tmp_path, "training", seconds=2.0, main=never)["training"]


def test_work_without_an_end_is_not_waited_for(tmp_path: Path) -> None:
    endless = "import time\ndef train(job):\n    time.sleep(60)\n"
    found = tried(tmp_path, "training", seconds=1.0, training_worker=endless)
    assert found == {}
