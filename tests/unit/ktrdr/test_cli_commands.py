"""Every command that asks the backend: what it prints for people, for a pipe and for programs, and its exit status."""

import io
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.backtesting.walk import Costs, walk
from ktrdr.cli import main
from ktrdr.commands import tables
from ktrdr.data.bars import Bars
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.signals import Signal
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.worker.backend import Backend
from tests.api.population import Worker, start_training, store_bars, store_model, training_result
from tests.support.backtests import WARNING, backtester, deliver
from tests.support.direct_backend import DirectBackend

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command against the application in this process; return its status and what it printed."""
    direct = DirectBackend(client)
    for name in ("try_once", "download"):
        way = getattr(direct, name)
        monkeypatch.setattr(Backend, name, lambda _self, *given, way=way: way(*given))

    def call(*words: str) -> tuple[int, str, str]:
        status = main(words)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def rows(printed: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line) for line in printed.splitlines()]


def completed_training(client: TestClient) -> str:
    worker = Worker(client, "trainer", "training")
    worker.register()
    start_training(client)
    worker.beat()
    worker.beat("completed", result_summary={**training_result(worker.operation_id), "warnings": ["Mind this."]})
    return worker.operation_id


def test_the_stored_series_are_listed(client: TestClient, run: Run) -> None:
    assert run("data", "list") == (0, "SYMBOL  TIMEFRAME  BARS  FIRST (UTC)  LAST (UTC)\n", "")
    store_bars(client, 100)
    status, printed, _ = run("data", "list")
    assert (status, rows(printed)[1]) == (0, ["EURUSD-SAMPLE", "1h", "100", "2023-01-01 22:00", "2023-01-06 01:00"])
    assert json.loads(run("data", "list", "--json")[1])[0]["points"] == 100


def test_a_series_is_shown_by_its_newest_bars_and_printed_whole(client: TestClient, run: Run) -> None:
    store_bars(client, 100)
    status, printed, _ = run("data", "show", "EURUSD-SAMPLE", "1h", "--bars", "3")
    assert status == 0
    assert [row[0] for row in rows(printed)[-3:]] == ["2023-01-05 23:00", "2023-01-06 00:00", "2023-01-06 01:00"]
    bars = json.loads(run("data", "show", "EURUSD-SAMPLE", "1h", "--end-date", "2023-01-02", "--json")[1])["bars"]
    assert (len(bars), bars[-1][0]) == (10, "2023-01-02T23:00:00Z")
    one = ("--start-date", "2023-01-02", "--end-date", "2023-01-02")
    assert len(json.loads(run("data", "show", "EURUSD-SAMPLE", "1h", *one, "--bars", "50", "--json")[1])["bars"]) == 24
    assert len(run("data", "show", "EURUSD-SAMPLE", "1h", *one, "--csv")[1].splitlines()) == 25
    status, printed, told = run("data", "show", "GBPUSD", "1h")
    assert (status, printed) == (1, "")
    assert "No data for GBPUSD 1h" in told


def test_what_is_printed_as_csv_is_uploaded_again(
    client: TestClient, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_bars(client, 100)
    text = run("data", "show", "EURUSD-SAMPLE", "1h", "--csv")[1]
    file = tmp_path / "bars.csv"
    file.write_text(text)
    status, printed, _ = run("data", "upload", "GBPUSD", "1h", str(file))
    assert (status, printed[:27]) == (0, "GBPUSD 1h: 100 bars are sto")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert json.loads(run("data", "upload", "USDJPY", "1h", "-", "--json")[1])["points"] == 100
    assert run("data", "show", "USDJPY", "1h", "--csv")[1] == text
    file.write_text(text + "nonsense\n")
    status, _, told = run("data", "upload", "GBPUSD", "1h", str(file))
    assert (status, "nothing stored" in told) == (1, True)
    monkeypatch.setattr("ktrdr.data.bars.TEXT_LIMIT", 2**20)
    file.write_text(text * 300)
    status, printed, told = run("data", "upload", "GBPUSD", "1h", str(file))
    assert (status, printed) == (1, "")
    assert "bars.csv has 2 MiB, 1 MiB are uploaded at once: split it" in told
    status, _, told = run("data", "upload", "GBPUSD", "1h", str(tmp_path / "none.csv"))
    assert (status, told) == (1, f"ktrdr: {tmp_path}/none.csv: No such file or directory\n")


def test_strategies_are_listed_shown_and_checked(run: Run, tmp_path: Path) -> None:
    assert [row[:2] for row in rows(run("strategies", "list")[1])[1:]] == [
        ["mlp_fx_hourly", "yes"], ["zigzag_multi_timeframe", "yes"],
    ]  # fmt: skip
    shown = run("strategies", "show", "mlp_fx_hourly")[1]
    file = tmp_path / "mlp_fx_hourly.yaml"
    file.write_text(shown)
    assert run("strategies", "validate", str(file)) == (0, f"{file} is valid\n", "")
    file.write_text(shown.replace("timeframes:", "timefarmes:", 1))
    status, printed, _ = run("strategies", "validate", str(file))
    assert (status, "timefarmes" in printed, f"{file} is not valid" in printed) == (1, True, True)
    assert json.loads(run("strategies", "validate", "mlp_fx_hourly", "--json")[1]) == {"valid": True, "issues": []}
    assert run("strategies", "validate", str(tmp_path / "no.yaml"))[0] == 1
    assert run("strategies", "show", "none")[0] == 1


def test_a_strategy_is_added_replaced_and_deleted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = run("strategies", "show", "mlp_fx_hourly")[1].replace("name: mlp_fx_hourly", "name: mine")
    file.write_text(text)
    assert run("strategies", "add", str(file)) == (0, "mine is stored\n", "")
    status, printed, told = run("strategies", "add", str(file))
    assert (status, printed, "mine" in told) == (1, "", True)
    assert json.loads(run("strategies", "add", str(file), "--replace", "--json")[1])["replaced"] is True
    assert run("strategies", "delete", "mine") == (0, "mine is deleted\n", "")
    assert run("strategies", "delete", "mlp_fx_hourly")[0] == 1
    file.write_text(text.replace("timeframes:", "timefarmes:", 1))
    assert "training_data.timeframes: is missing" in run("strategies", "add", str(file))[2]
    file.write_text("- no mapping")
    assert "the key name is missing" in run("strategies", "add", str(file), "--replace")[2]


def test_operations_are_listed_cancelled_and_retried(client: TestClient, run: Run) -> None:
    store_bars(client)
    Worker(client, "trainer", "training").register()
    start_training(client)
    waiting = json.loads(run("operations", "list", "--status", "pending", "--json")[1])[0]["operation_id"]
    assert rows(run("operations", "list", "--type", "training")[1])[1][:4] == [
        waiting,
        "pending",
        "0 %",
        "mlp_fx_hourly",
    ]
    assert rows(run("operations", "list", "--limit", "5")[1])[2][1:4] == ["completed", "100 %", "EURUSD-SAMPLE 1h"]
    assert run("operations", "cancel", waiting) == (0, f"{waiting} is cancelled\n", "")
    status, _, told = run("operations", "cancel", waiting)
    assert (status, "is cancelled already" in told) == (1, True)
    again = run("operations", "retry", waiting)[1].strip()
    assert json.loads(run("operations", "cancel", again, "--json")[1])["status"] == "cancelled"


def test_operations_are_listed_in_another_order(client: TestClient, run: Run) -> None:
    store_bars(client)
    Worker(client, "trainer", "training").register()
    start_training(client)
    for sort, expected in (("oldest", ["completed", "pending"]), ("status", ["pending", "completed"])):
        assert [row[1] for row in rows(run("operations", "list", "--sort", sort)[1])[1:]] == expected


def test_an_operation_is_watched_to_its_end_and_its_results_printed_after_the_warnings(
    client: TestClient, run: Run
) -> None:
    store_bars(client)
    done = completed_training(client)
    assert run("operations", "watch", done) == (0, f"{done} completed\n", "")
    status, printed, told = run("operations", "results", done)
    assert (status, told) == (0, "ktrdr: warning: Mind this.\n")
    assert rows(printed)[0] == ["model", training_result(done)["model_path"]]
    assert ["test accuracy", "61.20 % (majority share 53.70 %)"] in rows(printed)
    assert json.loads(run("operations", "results", done, "--json")[1])["warnings"] == ["Mind this."]
    start_training(client)
    waiting = json.loads(run("operations", "list", "--json")[1])[0]["operation_id"]
    status, _, told = run("operations", "results", waiting)
    assert (status, "only completed ones have results" in told) == (1, True)
    run("operations", "cancel", waiting)
    assert run("operations", "watch", waiting)[:2] == (1, f"{waiting} cancelled\n")


def test_a_backtest_s_results_begin_with_its_warnings_and_its_records_are_written_to_files(
    client: TestClient, run: Run, tmp_path: Path, year: Bars
) -> None:
    worker = backtester(client)
    walked = walk(year, lambda place: Signal(place // 5 % 3), Costs(100_000.0, 0.0001, 0.00005))
    deliver(client, worker, walked)
    status, printed, told = run("operations", "results", worker.operation_id, "--csv", str(tmp_path / "new"))
    trades, equity = (tmp_path / "new" / f"{worker.operation_id}.{kind}.csv" for kind in ("trades", "equity"))
    assert (status, told) == (0, f"ktrdr: warning: {WARNING}\nktrdr: {trades}\nktrdr: {equity}\n")
    assert rows(printed)[:2] == [["model", "models/m"], ["its test accuracy", "61.20 % (majority share 53.70 %)"]]
    assert ["annualized by", f"{walked.summary()['metrics']['periods_per_year']:,.1f} bars a year"] in rows(printed)
    assert len(trades.read_text().splitlines()) == 1 + len(walked.trades)
    assert len(equity.read_text().splitlines()) == 1 + len(year)
    brief = json.loads(run("operations", "results", worker.operation_id, "--json")[1])
    assert (brief["config"]["overlaps_training"], "trades" in brief, "metrics" in brief) == (True, False, True)


def test_a_prediction_is_awaited_and_its_decisions_are_printed_after_the_warnings(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_bars(client)
    document = StrategyDirectory(SHIPPED_STRATEGIES).document("mlp_fx_hourly")
    store_model(client, "m", strategy="mlp_fx_hourly", document=document)
    worker = Worker(client, "b", "backtest")
    worker.register()
    newest = {"timestamp": "2023-12-29T21:00:00Z", "close": 1.1, "signal": "BUY", "confidence": 0.712}
    decisions = [{**newest, "timestamp": "2023-12-29T20:00:00Z", "signal": "HOLD", "confidence": None}, newest]
    result = {
        "decision": newest, "decisions": decisions, "confidence_threshold": 0.45, "model_path": "models/m",
        "warm_up_bars": 1, "warnings": ["Mind this."],
    }  # fmt: skip

    def work(_seconds: float) -> None:
        request = worker.beat()["operation"]["request"]
        assert (request["model"], request["symbol"]) == ("m", "EURUSD-SAMPLE")
        worker.beat("completed", 100.0, result_summary=result)

    monkeypatch.setattr(time, "sleep", work)
    status, printed, told = run("predict", "m", "--bars", "2", "--symbol", "EURUSD-SAMPLE")
    assert (status, told.splitlines()[-1]) == (0, "ktrdr: warning: Mind this.")
    assert rows(printed)[1:] == [
        ["2023-12-29 20:00", "1.1", "HOLD", "-"], ["2023-12-29 21:00", "1.1", "BUY", "71.20 %"],
    ]  # fmt: skip
    found = json.loads(run("predict", "m", "--json")[1])
    assert (found["operation_id"], found["decision"]) == (worker.operation_id, newest)
    assert run("operations", "results", worker.operation_id) == (0, printed, "ktrdr: warning: Mind this.\n")
    status, printed, told = run("predict", "nobody")
    assert (status, printed, "nobody" in told) == (1, "", True)


def test_ctrl_c_leaves_the_operation_and_says_how_to_follow_and_cancel_it(
    client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_bars(client)
    Worker(client, "trainer", "training").register()

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    status, printed, told = run("train", "mlp_fx_hourly")
    (operation,) = client.get("operations", params={"status": "pending"}).json()["operations"]
    assert (status, printed) == (130, "")
    assert f"ktrdr operations watch {operation['operation_id']}\n" in told
    assert f"ktrdr operations cancel {operation['operation_id']}\n" in told


def test_models_are_listed_with_accuracy_beside_majority_share_shown_and_deleted(client: TestClient, run: Run) -> None:
    for place in range(3):
        store_model(client, f"m{place}")
    listed = rows(run("models", "list")[1])
    assert (len(listed), listed[1][1:5]) == (4, ["61.20 %", "53.70 %", "EURUSD-SAMPLE", "1h"])
    assert len(json.loads(run("models", "list", "--json")[1])) == 3
    assert ["test accuracy", "61.20 % (majority share 53.70 %)"] in rows(run("models", "show", "m1")[1])
    assert run("models", "delete", "m1") == (0, "models/m1 is deleted\n", "")
    assert run("models", "show", "m1")[0] == 1


def test_a_list_is_read_page_by_page(client: TestClient, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(5):
        store_model(client, f"m{place}")
    monkeypatch.setattr("ktrdr.api.services.model_index.LIST_LIMIT", 1)
    names = [model["name"] for model in json.loads(run("models", "list", "--json")[1])]
    assert sorted(names) == [f"m{place}" for place in range(5)]


def test_workers_are_listed(client: TestClient, run: Run) -> None:
    Worker(client, "trainer", "training", {"gpu": True, "gpu_type": "H200", "gpu_count": 1}).register()
    assert rows(run("workers")[1])[1] == ["trainer", "training", "idle", "H200", "-"]
    assert json.loads(run("workers", "--json")[1])[0]["worker_id"] == "trainer"


@pytest.mark.parametrize("url", ["backend:8000", "ftp://backend"])
def test_a_wrong_address_in_the_environment_is_told_by_the_setting_s_name(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KTRDR_API_URL", url)
    status, _, told = run("workers")
    assert (status, "KTRDR_API_URL is" in told) == (2, True)


def test_the_environment_names_the_backend_and_an_option_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def try_once(self: Backend, *_: object) -> tuple[bytes, dict[str, str]]:
        asked.append(self.base_url)
        return b'{"workers": []}', {}

    monkeypatch.setattr(Backend, "try_once", try_once)
    monkeypatch.setenv("KTRDR_API_URL", "http://one:1/")
    main(["workers"])
    main(["workers", "--backend", "https://two"])
    monkeypatch.delenv("KTRDR_API_URL")
    main(["workers"])
    assert asked == [f"{url}/api/v1" for url in ("http://one:1", "https://two", "http://127.0.0.1:8000")]


@pytest.mark.parametrize(("terminal", "longest"), [(True, 44), (False, 92)])
def test_a_table_fits_a_terminal_and_stays_whole_in_a_pipe(
    *, terminal: bool, longest: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    values: list[list[Any]] = [["x", 1234567, None, "z" * 60], ["y" * 12, 8, 0.25, ""]]
    tables.print_table(("NAME", "COUNT", "SHARE", "TEXT"), values)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == longest
    assert lines[-1].split() == ["y" * 12, "8", "0.25"]
    assert "1,234,567" in lines[1]
