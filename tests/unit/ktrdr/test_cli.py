"""The command line: real in what it does, and told failures."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ktrdr.cli import main
from ktrdr.data.bars import iso
from ktrdr.data.rows import Rows
from ktrdr.worker.backend import Backend, BackendAwayError
from tests.api.population import training_result

TIMEOUT_S = 60.0


def test_a_sample_is_written_where_it_is_wanted(tmp_path: Path, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "sample", "--output", str(tmp_path / "bars.csv")]) == 0
    assert (tmp_path / "bars.csv").read_text() == csv
    assert "6242 bars" in capsys.readouterr().out
    assert main(["data", "sample"]) == 0
    assert capsys.readouterr().out == csv


@pytest.mark.parametrize("year", ["1800", "1970", "2199"])
def test_a_sample_of_any_year_that_the_backend_knows_is_one_that_it_takes(
    year: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "sample", "--year", year]) == 0
    _header, *lines = capsys.readouterr().out.splitlines()
    rows = Rows("1h")
    assert {iso(rows.read(line).time)[:4] for line in lines} == {year}


def test_a_reader_that_has_seen_enough_ends_a_sample_without_a_traceback() -> None:
    command = f"{sys.executable} -m ktrdr.cli data sample | head -n 1"
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    assert (run.stdout, run.stderr) == ("timestamp,open,high,low,close,volume\n", "")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["data", "sample", "--upload", "http://127.0.0.1:1"],
            "Start the backend (ktrdr api), or name another address",
        ),
        (["train", "x", "--backend", "http://127.0.0.1:1"], "Start the backend (ktrdr api), or name another address"),
        (["data", "sample", "--output", "/nowhere/at/all.csv"], "/nowhere/at/all.csv: No such file or directory"),
    ],
)
def test_a_failure_is_one_line_that_says_what_to_do_and_status_1(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("ktrdr: ")
    assert said in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["fly"],
        ["data"],
        ["train"],
        ["train", "x", "--here", "d", "--backend", "http://b"],
        ["api", "--port", "99999"],
        ["data", "sample", "--year", "0"],
        ["data", "sample", "--year", "1799"],
        ["data", "sample", "--year", "2200"],
        ["data", "sample", "--upload", "backend:8000"],
        ["data", "sample", "--seed", "x"],
        ["train", "x", "--start-date", "last week"],
        ["train", "x", "--end-date", "2023-02-30"],
    ],
)
def test_a_wrong_call_is_status_2(command: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2


WRONG_SETTINGS = [
    ("KTRDR_ALLOWED_HOSTS", "*", ["ktrdr.cli", "api", "--port", "0"]),
    ("KTRDR_DATABASE_URL", "mysql://h/n", ["ktrdr.cli", "train", "mlp_fx_hourly", "--here", "model"]),
    ("KTRDR_WORKER_TYPE", "dreaming", ["ktrdr.cli", "worker"]),
    ("KTRDR_WORKER_PORT", "no", ["ktrdr.worker"]),
    ("KTRDR_API_URL", "backend:8000", ["uvicorn", "--port", "0", "ktrdr.training.training_worker:app"]),
    ("KTRDR_WORKER_ID", "../x", ["uvicorn", "--port", "0", "ktrdr.backtesting.backtest_worker:app"]),
]


@pytest.mark.parametrize(("name", "value", "command"), WRONG_SETTINGS, ids=[" ".join(row[2]) for row in WRONG_SETTINGS])
def test_a_wrong_setting_is_one_line_that_names_it_and_status_2_whatever_reads_it(
    tmp_path: Path, name: str, value: str, command: list[str]
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert run.returncode == 2
    assert name in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real backend, started by the command line itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "KTRDR_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    command = [sys.executable, "-m", "ktrdr.cli", "api", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                Backend(url).call("GET", "/health")
                break
            except BackendAwayError:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "the backend does not answer"
                time.sleep(0.1)
        yield url
        process.terminate()


class Worker(threading.Thread):
    """A worker that does what it is told to in three heartbeats: begins, is half way, has ended as `ending` says."""

    def __init__(self, url: str, ending: Mapping[str, object]) -> None:
        super().__init__(daemon=True)
        self.backend = Backend(url)
        self.ending = ending
        body = {"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:1", "capabilities": {}}
        self.backend.call("POST", "/workers/register", body)

    def run(self) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while (work := self.backend.call("POST", "/workers/w/heartbeat", {"operation": None})["operation"]) is None:
            assert time.monotonic() < deadline, "no work came"
            time.sleep(0.05)
        half = {"percentage": 50, "current_step": "half way", "steps_completed": 1, "steps_total": 2}
        state = {"operation_id": work["operation_id"], "status": "running", "progress": half}
        for _ in range(15):
            self.backend.call("POST", "/workers/w/heartbeat", {"operation": state})
            time.sleep(0.1)
        ending = {**state, **self.ending}
        if "result_summary" in ending:
            ending["result_summary"] = training_result(work["operation_id"])
        self.backend.call("POST", "/workers/w/heartbeat", {"operation": ending})


SUMMARY = training_result()


def test_a_sample_is_uploaded_and_a_training_followed_to_its_end(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "mlp_fx_hourly", "--backend", address]) == 1
    assert "No data for EURUSD-SAMPLE 1h" in capsys.readouterr().err
    assert main(["data", "sample", "--upload", address]) == 0
    assert capsys.readouterr().out == (
        f"6242 bars of EURUSD-SAMPLE 1h uploaded to {address}\nnext: ktrdr train mlp_fx_hourly --backend {address}\n"
    )
    assert Backend(address).call("GET", "/data/info")

    assert main(["train", "mlp_fx_hourly", "--backend", address]) == 1
    told = capsys.readouterr().err
    assert f"{address} refused: No training worker is registered. " in told
    assert "KTRDR_WORKER_TYPE=training" in told
    assert "Start the backend" not in told
    assert main(["train", "no_such", "--backend", address]) == 1
    assert "No strategy named no_such" in capsys.readouterr().err

    worker = Worker(address, {"status": "completed", "result_summary": SUMMARY})
    worker.start()
    assert main(["train", "mlp_fx_hourly", "--backend", address]) == 0
    worker.join(TIMEOUT_S)
    printed = capsys.readouterr()
    assert " 50.0 % half way\n" in printed.err
    assert re.search(r"^test accuracy +61.20 %", printed.out, re.MULTILINE)

    failed = {"status": "failed", "error": {"code": "diverged", "message": "lower training.learning_rate"}}
    worker = Worker(address, failed)
    worker.start()
    assert main(["train", "mlp_fx_hourly", "--backend", address]) == 1
    worker.join(TIMEOUT_S)
    assert "failed: " in (told := capsys.readouterr().err)
    assert "lower training.learning_rate" in told
