"""How much memory a training will take is known before it is queued, and more than a worker has is refused."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.services.requests import MOST_BYTES
from ktrdr.data.bars import Bars
from ktrdr.data.files import DataDirectory
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.size import backtest_bytes, feature_count, training_bytes
from ktrdr.training.features import feature_rows

STRATEGIES = StrategyDirectory(SHIPPED_STRATEGIES, Path("none"))
HOURLY = STRATEGIES.load("mlp_fx_hourly")


@pytest.fixture
def client(client: TestClient, csv: str) -> TestClient:
    for symbol in ("EURUSD", "GBPUSD"):
        client.post(f"data/{symbol}/1h", content=csv)
    client.post("workers/register", json={"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:5003"})
    return client


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_features_are_counted_as_they_are_made(year: Bars, name: str) -> None:
    strategy = STRATEGIES.load(name)
    made, _rows = feature_rows(strategy, dict.fromkeys(strategy.training_data.timeframes, year.between(0, 300)))
    assert feature_count(strategy, strategy.training_data.timeframes) == len(made)


def test_a_long_hourly_training_is_reckoned_at_nine_hundred_bytes_a_bar() -> None:
    assert training_bytes(HOURLY, {"EURUSD": {"1h": 1_000_000}}) == pytest.approx(0.87e9, rel=0.02)


def test_ten_years_of_minutes_are_within_the_bound() -> None:
    assert backtest_bytes(HOURLY, {"1m": 3_700_000}) < training_bytes(HOURLY, {"EURUSD": {"1m": 3_700_000}})
    assert training_bytes(HOURLY, {"EURUSD": {"1m": 3_700_000}}) < MOST_BYTES


def test_bars_of_more_symbols_and_coarser_timeframes_add_up() -> None:
    one, coarser = training_bytes(HOURLY, {"A": {"1h": 1000}}), training_bytes(HOURLY, {"A": {"1h": 1000, "1d": 0}})
    assert training_bytes(HOURLY, {"A": {"1h": 600}, "B": {"1h": 400}}) == one
    assert coarser > one  # each bar has the features of both
    assert training_bytes(HOURLY, {"A": {"1h": 1000, "1d": 42}}) > coarser


def test_a_training_beyond_a_worker_s_memory_is_refused_with_the_number_and_the_bound(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr.api.services.requests.MOST_BYTES", 8_000_000)
    body = {"strategy_name": "mlp_fx_hourly", "symbols": ["EURUSD", "GBPUSD"]}
    answer = client.post("trainings/start", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "too_many_bars")
    assert "Computing on these 12,484 bars takes about" in error["message"]
    assert error["details"]["bytes_needed"] > error["details"]["bytes_at_most"] == 8_000_000
    assert client.get("operations", params={"status": "pending"}).json()["total_count"] == 0
    for less in ({"symbols": ["EURUSD"]}, {"symbols": ["EURUSD"] * 20}, {"start_date": "2023-07-01"}):
        assert client.post("trainings/start", json={**body, **less}).status_code == 200


@pytest.mark.parametrize(
    ("start", "stop"), [(None, None), (0, None), (None, 0), (4095, 4097), (4096, 6000), (17, 17), (9, 6001)]
)
def test_bars_in_a_range_are_counted_as_they_are_read(
    tmp_path: Path, csv: str, year: Bars, start: int | None, stop: int | None
) -> None:
    (tmp_path / "EURUSD_1h.csv").write_text(csv)
    data = DataDirectory(tmp_path)
    first, last = (year.times[place] if place is not None else None for place in (start, stop))
    for _ in range(2):
        assert data.count("EURUSD", "1h", first, last) == len(data.read("EURUSD", "1h", first, last))
    assert data.count("EURUSD", "1h", year.times[-1] + 1, None) == 0
    assert data.count("EURUSD", "1h", year.times[0] - 1, year.times[0] + 1) == 1
