"""Runs inside an image that computes: what a model predicts on the newest bars is its backtest's decision there."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.data.bars import Bar, Bars, iso
from ktrdr.data.sample import generate, to_csv
from ktrdr.model_files import digest, pack
from ktrdr.settings import SHIPPED_STRATEGIES, Settings
from ktrdr.strategy.checks import check
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training import pipeline
from ktrdr.worker.backend import Backend, Content
from ktrdr.worker.job import Job

YEAR: Final = generate()
WORKER: Final = {"worker_id": "b", "worker_type": "backtest", "endpoint_url": "http://b:5003"}
COSTS: Final = {"initial_capital": 10_000.0, "commission": 0.0, "slippage": 0.0}


class Direct(Backend):
    """Reaches the application without a socket."""

    def __init__(self, client: TestClient) -> None:
        super().__init__("http://backend:8000")
        self.client = client

    def try_once(
        self, method: str, path: str, content: Content, headers: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        answer = self.client.request(method, path.lstrip("/"), content=content, headers=headers)
        assert answer.is_success, answer.text
        return answer.content, {name.lower(): value for name, value in answer.headers.items()}


def days(hours: Bars) -> Bars:
    found, place = Bars(), 0
    while place < len(hours):
        day = hours.times[place] // 86400
        stop = place
        while stop < len(hours) and hours.times[stop] // 86400 == day:
            stop += 1
        part = hours.between(place, stop)
        found.append(Bar(day * 86400, part.opens[0], max(part.highs), min(part.lows), part.closes[-1], 1.0))
        place = stop
    return found


def shipped() -> dict[str, Any]:
    document = copy.deepcopy(StrategyDirectory(SHIPPED_STRATEGIES).document("mlp_fx_hourly"))
    document["training"]["epochs"] = 2
    return dict(document)


def accumulating() -> dict[str, Any]:
    """Two timeframes, and indicators that depend on all bars."""
    kinds = ("obv", "supertrend", "parabolic_sar", "rsi")
    return {
        **shipped(),
        "training_data": {"symbols": ["EURUSD"], "timeframes": ["1h", "1d"], "history_required": 20},
        "indicators": {kind: {"type": kind} for kind in kinds},
        "fuzzy_sets": {"momentum": {"indicator": "rsi", "low": [0, 25, 50], "high": [50, 75, 100]}},
        "nn_inputs": [{"fuzzy_set": "momentum"}, *({"indicator": kind} for kind in kinds)],
        "decisions": {"confidence_threshold": 0.4},
    }


@pytest.fixture(params=[shipped, accumulating], ids=["shipped", "accumulating"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    """A backend with the year's bars and a model."""
    document = {**request.param(), "name": "mine"}
    strategy, issues = check(document, "mine")
    assert strategy, issues
    bars = {"1h": YEAR, "1d": days(YEAR)}
    (tmp_path / "model").mkdir()
    pipeline.run(
        strategy, document, {"EURUSD": {name: bars[name].between(0, len(bars[name]) * 4 // 5)
                                        for name in strategy.training_data.timeframes}},
        tmp_path / "model", progress=lambda *_: None, check=lambda: None,
    )  # fmt: skip
    archive = pack(tmp_path / "model")
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path / "data")})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        for name, series in bars.items():
            assert client.post(f"data/EURUSD/{name}", content=to_csv(series)).is_success
        models = client.app.state.context.models  # type: ignore[attr-defined]  # FastAPI's
        models.directory.store("mine_a", archive, digest(archive))
        models.add("mine_a")
        assert client.post("workers/register", json=WORKER).is_success
        yield client


def predicted(client: TestClient, bars: int) -> dict[str, Any]:
    """Ask for a prediction, do it as the worker does, and return its result as clients read it."""
    from ktrdr.backtesting.backtest_worker import work  # noqa: PLC0415  it makes an application

    answer = client.post("models/mine_a/predict", json={"bars": bars})
    assert answer.status_code == 200, answer.text
    assignment = client.post("workers/b/heartbeat", json={"operation": None}).json()["operation"]
    assert assignment["operation_id"] == answer.json()["operation_id"]
    job = Job(assignment, Direct(client), lambda: None)
    job.start(work)
    assert job.wait(120.0)
    assert client.post("workers/b/heartbeat", json={"operation": job.state()}).is_success
    found: dict[str, Any] = client.get(f"operations/{job.operation_id}/results").json()
    assert (found["operation_type"], found["status"]) == ("prediction", "completed")
    return dict(found["results"])


def test_a_prediction_is_the_decision_of_a_backtest_on_that_bar_whatever_its_range(client: TestClient) -> None:
    from ktrdr.backtesting.backtest_worker import decide  # noqa: PLC0415  it makes an application

    newest = predicted(client, 1)
    many = predicted(client, 200)
    assert newest["decision"] == many["decision"] == many["decisions"][-1]
    assert newest["decisions"] == [newest["decision"]]
    assert newest["decision"]["timestamp"] == iso(YEAR.times[-1])
    assert (many["warm_up_bars"], many["warnings"], len(many["decisions"])) == (0, [], 200)
    for start in (None, iso(YEAR.times[-1500]), iso(YEAR.times[-200])):
        request = {"model": "mine_a", "symbol": "EURUSD", "timeframe": "1h", "start_date": start, "end_date": None}
        decided = decide(Job({"operation_id": "op", "request": request | COSTS}, Direct(client), lambda: None))
        told = [
            {"timestamp": iso(time), "close": close, "signal": one.signal.name, "confidence": one.confidence}
            for time, close, one in zip(decided.bars.times, decided.bars.closes, decided.decisions, strict=True)
        ]
        assert told[-200:] == many["decisions"]
    assert len({decision["signal"] for decision in many["decisions"]}) > 1


def test_a_prediction_on_bars_that_the_training_saw_says_so(client: TestClient) -> None:
    client.post("data/EURUSD/1h?replace=true", content=to_csv(YEAR.between(0, 3000)))
    client.post("data/EURUSD/1d?replace=true", content=to_csv(days(YEAR.between(0, 3000))))
    assert "was trained on bars of this range" in predicted(client, 1)["warnings"][0]


def test_a_bar_with_too_few_before_it_has_no_decision(client: TestClient) -> None:
    client.post("data/EURUSD/1h?replace=true", content=to_csv(YEAR.between(0, 30)))
    client.post("data/EURUSD/1d?replace=true", content=to_csv(days(YEAR.between(0, 30))))
    found = predicted(client, 1)
    assert (found["decision"]["signal"], found["decision"]["confidence"]) == ("HOLD", None)
    assert found["warnings"][-1].startswith("No bar was decided on")
