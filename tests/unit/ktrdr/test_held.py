"""A model is taken for the operation that its uploader holds, a result if it is one of its operation's type."""

import copy
import json
import operator
import secrets
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.api.store import operations
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bars
from ktrdr.names import is_name, model_name
from ktrdr.settings import Settings
from ktrdr.signals import Signal
from tests.api.extremes import holder
from tests.api.population import (
    Worker,
    backtest_result,
    model_archive,
    start_backtest,
    start_training,
    store_bars,
    store_model,
    training_result,
)

ABSENT: dict[str, Any] = {}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One backend for all: each test has workers and operations of its own."""
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path_factory.mktemp("held"))})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        store_bars(client)
        store_model(client, "hourly")
        yield client


@pytest.fixture
def trainer(client: TestClient) -> Worker:
    return holder(client)


@pytest.fixture
def tester(client: TestClient) -> Worker:
    worker = Worker(client, f"tester-{secrets.token_hex(4)}", "backtest")
    worker.register()
    start_backtest(client)
    worker.beat()
    return worker


def upload(client: TestClient, name: str, **headers: str) -> tuple[int, str]:
    answer = client.put(
        f"models/{name}/archive", content=model_archive(), headers={"X-Content-SHA256": "0" * 64, **headers}
    )
    return answer.status_code, answer.json()["error"]["code"]


def test_the_worker_that_holds_a_training_uploads_its_model(client: TestClient, trainer: Worker) -> None:
    assert trainer.upload(model_archive()).status_code == 201
    assert trainer.model in [one["name"] for one in client.get("models").json()["models"]]


def test_nobody_else_takes_the_name_of_a_model_to_come(client: TestClient, trainer: Worker) -> None:
    other = holder(client)
    idle = Worker(client, "idle", "training")
    idle.register()
    assert upload(client, trainer.model) == (409, "not_its_worker")
    assert upload(client, trainer.model, **{"X-Worker-Token": idle.token}) == (409, "not_its_worker")
    assert upload(client, trainer.model, **{"X-Worker-Token": other.token}) == (409, "not_its_model")
    assert upload(client, trainer.model, **{"X-Worker-Token": "0" * 32}) == (409, "worker_replaced")
    assert upload(client, "another", **{"X-Worker-Token": trainer.token}) == (409, "not_its_model")
    assert trainer.upload(model_archive()).status_code == 201


def test_a_backtest_makes_no_model(client: TestClient, tester: Worker) -> None:
    name = model_name("mlp_fx_hourly", tester.operation_id)
    assert upload(client, name, **{"X-Worker-Token": tester.token}) == (409, "not_its_model")


@pytest.mark.parametrize("ending", ["completed", "failed", "removed"])
def test_a_training_that_has_ended_takes_no_model(client: TestClient, trainer: Worker, ending: str) -> None:
    if ending == "removed":
        client.delete(f"workers/{trainer.worker_id}").raise_for_status()
    else:
        trainer.beat(ending, 100, "done", **({"result_summary": training_result()} if ending == "completed" else {}))
    assert trainer.upload(model_archive()).status_code == 409


@pytest.mark.parametrize("strategy", ["s", "-odd.", "s" * 100])
def test_a_model_s_name_is_one_and_ends_with_its_operation(strategy: str) -> None:
    name = model_name(strategy, "op_training_20240101_000000_0123abcd")
    assert is_name(name)
    assert name.endswith("20240101_000000_0123abcd")


def forged(result: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A result with another value at a path, or without the key."""
    found: Any = copy.deepcopy(result)
    *above, last = (int(key) if key.isdecimal() else key for key in path.split("."))
    place = reduce(operator.getitem, above, found)
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return dict(found)


BAD_TRAININGS: list[tuple[str, Any, str]] = [
    ("training_metrics", ABSENT, "result_summary.training_metrics is missing"),
    ("training_metrics", [], "result_summary.training_metrics is 'a list of 0'"),
    ("training_metrics.final_val_loss", "low", "result_summary.training_metrics.final_val_loss is 'low'"),
    ("training_metrics.final_val_accuracy", 1.2, "less than or equal to 1"),
    ("training_metrics.epochs_trained", -1, "greater than or equal to 0"),
    ("test_metrics.f1_score", True, "result_summary.test_metrics.f1_score is 'True'"),
    ("model_info.feature_names", [1], "result_summary.model_info.feature_names.0 is '1'"),
    ("data_summary.start_date", "yesterday", "result_summary.data_summary.start_date is 'yesterday'"),
    ("model_path", "models/../../etc", "result_summary.model_path is 'models/../../etc'"),
    ("warnings", ["x" * 2001], "result_summary.warnings.0"),
    ("label_counts", {"test": {"BUY": "many"}}, "result_summary.label_counts.test.BUY is 'many'"),
]  # fmt: skip


def refused(worker: Worker, result: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    report = {"operation_id": worker.operation_id, "status": "completed", "result_summary": result}
    answer = worker.api.post(f"workers/{worker.worker_id}/heartbeat", json={"operation": report})
    return answer.status_code, answer.json().get("error", {})


@pytest.mark.parametrize(("path", "value", "told"), BAD_TRAININGS)
def test_a_forged_result_of_a_training_is_refused_with_its_key(
    client: TestClient, trainer: Worker, path: str, value: Any, told: str
) -> None:
    trainer.beat("running", 50, "epoch 1")
    status, error = refused(trainer, forged(training_result(trainer.operation_id), path, value))
    assert (status, error["code"]) == (422, "invalid_result")
    assert told in error["message"]
    assert error["details"]["problems"][0]["where"].startswith(f"result_summary.{path}")
    assert client.get(f"operations/{trainer.operation_id}").json()["operation"]["status"] == "running"
    assert client.get(f"trainings/{trainer.operation_id}/performance").status_code == 409


def test_a_completed_operation_has_a_result(trainer: Worker) -> None:
    assert refused(trainer, None)[0] == 422
    assert refused(trainer, {})[1]["details"]["count"] == 5


def test_a_result_with_the_model_of_another_training_is_refused(trainer: Worker) -> None:
    status, error = refused(trainer, training_result("op_training_20240101_000000_0123abcd"))
    assert (status, error["code"]) == (409, "not_its_model")


BAD_BACKTESTS: list[tuple[str, Any, str]] = [
    ("metrics.total_return_pct", None, "result_summary.metrics.total_return_pct is 'None'"),
    ("config.initial_capital", "1000", "result_summary.config.initial_capital is '1000'"),
    ("equity_curve", {}, "result_summary.equity_curve is 'a mapping of 0'"),
    ("equity_curve.2.equity", "rich", "result_summary.equity_curve.2.equity is 'rich'"),
    ("equity_curve.0", 5, "result_summary.equity_curve.0 is '5'"),
    ("trades", ["won"], "result_summary.trades.0 is 'won'"),
    ("trades", [{}], "result_summary.trades.0.direction is missing"),
    ("metrics.win_rate", 55, "result_summary.metrics.win_rate is '55'"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "told"), BAD_BACKTESTS)
def test_a_forged_result_of_a_backtest_is_refused_with_its_key(
    client: TestClient, tester: Worker, path: str, value: Any, told: str
) -> None:
    status, error = refused(tester, forged(backtest_result(5), path, value))
    assert (status, error["code"], told in error["message"]) == (422, "invalid_result", True), error
    assert client.get(f"operations/{tester.operation_id}").json()["operation"]["status"] == "pending"


def test_what_a_walk_gives_is_a_result(tester: Worker, year: Bars) -> None:
    dice = [Signal.BUY, Signal.HOLD, Signal.SELL]
    walked = walk(year, lambda place: dice[place // 7 % 3], Costs(100_000.0, 0.0001, 0.00005)).summary()
    config = {"initial_capital": 100_000.0, "commission": 0.0001, "slippage": 0.00005, "overlaps_training": None}
    assert walked["trade_count"] > 100
    assert refused(tester, {"config": config, "model_path": "models/hourly", "warm_up_bars": 3, **walked})[0] == 200


def test_a_newer_worker_may_know_more(client: TestClient, trainer: Worker) -> None:
    result = forged(training_result(trainer.operation_id), "training_metrics.brier", 0.2)
    assert refused(trainer, {**result, "curve": [1, 2]})[0] == 200
    kept = client.get(f"operations/{trainer.operation_id}/results").json()["results"]
    assert kept == {**result, "curve": [1, 2]}


def test_a_failed_operation_keeps_no_result(client: TestClient, trainer: Worker) -> None:
    trainer.beat("failed", 3, "x", error={"code": "bad", "message": "no"}, result_summary={"model_path": "models/x"})
    assert client.get(f"operations/{trainer.operation_id}").json()["operation"]["result_summary"] is None


@pytest.mark.parametrize("stored", [{}, {"training_metrics": [1]}, {"training_metrics": None, "x": "y"}])
def test_rows_that_were_stored_before_break_no_list_and_no_route(client: TestClient, stored: dict[str, Any]) -> None:
    Worker(client, "w", "training").register()
    task = start_training(client)
    with client.app.state.context.database.transaction() as db:  # type: ignore[attr-defined]  # FastAPI's
        operations.finish(db, task, "completed", 0.0, result=stored)
    for path in (f"operations/{task}", f"operations/{task}/results", "operations", f"trainings/{task}/performance"):
        answer = client.get(path)
        assert answer.status_code == 200, path
    assert client.get("operations").json()["operations"][0]["result_summary"] == json.loads(json.dumps(stored))
