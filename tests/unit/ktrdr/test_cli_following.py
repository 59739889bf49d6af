"""What the command line prints of a training and a backtest that it follows to the end."""

import json
import re
import time

import pytest

from ktrdr.cli import main
from ktrdr.worker.backend import Backend, BackendAwayError, BackendTroubledError

SUMMARY = {
    "model_path": "models/m",
    "training_metrics": {"epochs_trained": 3},
    "test_metrics": {"test_accuracy": 0.5},
    "model_info": {},
    "data_summary": {},
}


def test_a_training_that_learnt_nothing_is_warned_of_before_its_metrics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = {**SUMMARY, "warnings": ["The model has learnt nothing."]}
    answers = [{"task_id": "t"}, {"operation": {"status": "completed", "result_summary": summary}}]
    monkeypatch.setattr(Backend, "try_once", lambda *_: (json.dumps(answers.pop(0)).encode(), {}))
    assert main(["train", "mlp_fx_hourly", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "ktrdr: t\nktrdr: warning: The model has learnt nothing.\n"
    assert json.loads(printed.out)["test_metrics"] == {"test_accuracy": 0.5}


def test_a_backtest_says_first_what_to_know_of_its_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    summary = {"model_path": "models/m", "metrics": {"total_return_pct": 84.0}, "warnings": ["The model was trained"]}
    model = {"metrics": {"test_metrics": {"test_accuracy": 0.92, "majority_share": 0.93}}}
    answers: list[object] = [{"operation_id": "b"}, {"operation": {"status": "completed", "result_summary": summary}}]
    answers.append({"model": model})

    def try_once(_backend: Backend, _method: str, path: str, content: bytes | None, _headers: object) -> object:
        asked.append((path, json.loads(content or b"null")))
        return json.dumps(answers.pop(0)).encode(), {}

    monkeypatch.setattr(Backend, "try_once", try_once)
    assert main(["backtest", "mlp_fx_hourly", "EURUSD-SAMPLE", "1h", "--start-date", "2023-11-01", "--model", "m"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "ktrdr: b\nktrdr: warning: The model was trained\n"
    assert [line.split("  ")[-1].strip() for line in printed.out.splitlines()] == [
        "models/m", "92.00 % (majority share 93.00 %)", "84.00 %",
    ]  # fmt: skip
    assert asked[0] == (
        "/backtests/start",
        {"strategy_name": "mlp_fx_hourly", "symbol": "EURUSD-SAMPLE", "timeframe": "1h", "model_path": "m",
         "start_date": "2023-11-01", "end_date": None},
    )  # fmt: skip
    failed = {"operation_id": "b", "status": "failed", "error_code": "no_bars", "error_message": "No bars."}
    answers[:] = [{"operation_id": "b"}, {"operation": failed}]
    assert main(["backtest", "mlp_fx_hourly", "EURUSD-SAMPLE", "1h"]) == 1
    assert "ktrdr: b failed: No bars." in capsys.readouterr().err


def test_a_training_is_followed_through_a_restart_of_the_backend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = {"status": "running", "progress": {"percentage": 50.0, "current_step": "half way"}}
    answers: list[dict[str, object] | Exception] = [
        {"task_id": "t"},
        {"operation": running},
        BackendAwayError("refused"),
        BackendTroubledError("store_unavailable", "not yet"),
        {"operation": {"status": "completed", "result_summary": SUMMARY}},
    ]

    def try_once(*_: object) -> tuple[bytes, dict[str, str]]:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return json.dumps(answer).encode(), {}

    monkeypatch.setattr(Backend, "try_once", try_once)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    assert main(["train", "mlp_fx_hourly"]) == 0
    printed = capsys.readouterr()
    assert re.search(r"^test accuracy +50.00 %$", printed.out, re.MULTILINE)
    assert (printed.err, answers) == ("ktrdr: t\n 50.0 % half way\n", [])


def moved(operation_id: str, anew: str) -> dict[str, object]:
    told = f"Worker w was told to end while it worked on this; it is queued anew as {anew}."
    about = {"operation_id": operation_id, "status": "failed", "error_code": "worker_shutdown", "error_message": told}
    return {"operation": about}


def test_a_training_whose_worker_is_told_to_end_is_followed_where_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    answers: list[dict[str, object]] = [
        {"task_id": "t"}, moved("t", "u"), {"operations": [{"operation_id": "u"}]},
        {"operation": {"operation_id": "u", "status": "completed", "result_summary": SUMMARY}},
    ]  # fmt: skip

    def try_once(_backend: Backend, _method: str, path: str, *_: object) -> tuple[bytes, dict[str, str]]:
        asked.append(path)
        return json.dumps(answers.pop(0)).encode(), {}

    monkeypatch.setattr(Backend, "try_once", try_once)
    assert main(["train", "mlp_fx_hourly"]) == 0
    printed = capsys.readouterr()
    assert re.search(r"^test accuracy +50.00 %$", printed.out, re.MULTILINE)
    assert printed.err == (
        "ktrdr: t\nktrdr: t failed: Worker w was told to end while it worked on this; it is queued anew as u.\n"
    )
    assert asked[1:] == ["/operations/t", "/operations?retry_of=t&brief=true&limit=1", "/operations/u"]


def test_an_operation_that_nothing_took_the_place_of_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[dict[str, object]] = [moved("t", "u"), {"operations": []}]
    monkeypatch.setattr(Backend, "try_once", lambda *_: (json.dumps(answers.pop(0)).encode(), {}))
    assert main(["operations", "watch", "t"]) == 1
    printed = capsys.readouterr()
    assert (printed.out, "was told to end" in printed.err, answers) == ("t failed\n", True, [])
