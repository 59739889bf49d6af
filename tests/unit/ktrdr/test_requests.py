"""What cannot come to a good end is refused when it is asked for, not found out by a worker."""

import json

import httpx
import pytest
from fastapi.testclient import TestClient

from ktrdr.data.bars import HEADER, iso
from ktrdr.model_files import METADATA
from ktrdr.settings import Settings
from tests.api.population import STRATEGY, store_model

BOTH = "zigzag_multi_timeframe"
DAY = 86_400
MONDAY = 1_672_617_600  # 2023-01-02


def store_days(client: TestClient, number: int) -> None:
    rows = "".join(f"{iso(MONDAY + day * DAY)},1.0,2.0,0.5,1.5,10\n" for day in range(number))
    assert client.post("data/EURUSD-SAMPLE/1d", content=f"{HEADER}\n{rows}").status_code == 201


@pytest.fixture
def client(client: TestClient, csv: str) -> TestClient:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    for kind in ("training", "backtest"):
        body = {"worker_id": kind, "worker_type": kind, "endpoint_url": f"http://{kind}:5003"}
        client.post("workers/register", json=body)
    return client


def train(client: httpx.Client) -> httpx.Response:
    body = {"strategy_name": BOTH, "start_date": "2023-06-01"}
    return client.post("trainings/start", json=body)


def backtest(client: httpx.Client, timeframe: str) -> httpx.Response:
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": timeframe}
    return client.post("backtests/start", json=body)


def test_a_training_needs_a_bar_of_every_timeframe_in_its_range(client: TestClient) -> None:
    store_days(client, 30)
    error = train(client).json()["error"]
    assert error["code"] == "no_data"
    assert "EURUSD-SAMPLE 1d has 0 bars in that range, 1 are needed; stored are 30, 2023-01-02" in error["message"]
    assert client.get("operations", params={"operation_type": "training"}).json()["total_count"] == 0
    store_days(client, 365)
    assert train(client).status_code == 200


def test_a_backtest_on_other_bars_than_its_model_decides_on_is_refused_at_once(client: TestClient) -> None:
    store_days(client, 365)
    store_model(client, "hourly")
    answer = backtest(client, "1d")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_timeframe")
    assert answer.json()["error"]["message"] == "Model hourly decides on 1h bars, not on 1d."
    assert backtest(client, "1h").status_code == 200


@pytest.mark.parametrize("timeframes", [[], ["2h"], ["1h", "fortnight"]])
def test_a_model_that_names_no_known_timeframes_is_refused_with_the_mend(
    client: TestClient, settings: Settings, timeframes: list[str]
) -> None:
    store_model(client, "hourly")
    metadata = settings.data_dir / "models" / "hourly" / METADATA
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "timeframes": timeframes}))
    answer = backtest(client, "1h")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_model")
    assert "train it again" in answer.json()["error"]["message"]


def test_a_model_of_another_strategy_is_refused_with_both_names(client: TestClient) -> None:
    store_model(client, f"{STRATEGY}_a")
    store_days(client, 365)
    body = {"strategy_name": BOTH, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", "model_path": f"models/{STRATEGY}_a"}
    answer = client.post("backtests/start", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "other_strategy")
    assert f"strategy {STRATEGY}, not with {BOTH}" in answer.json()["error"]["message"]
    assert client.post("backtests/start", json={**body, "strategy_name": STRATEGY}).status_code == 200


@pytest.mark.parametrize(
    ("range_", "overlaps"),
    [
        ({}, True),
        ({"end_date": "2023-03-01"}, True),
        ({"start_date": "2023-03-31", "end_date": "2023-04-30"}, True),
        ({"start_date": "2023-03-31T21:00:00Z"}, True),
        ({"start_date": "2023-04-01"}, False),
        ({"start_date": "2023-04-01", "end_date": "2023-05-01"}, False),
    ],
)
def test_a_backtest_on_bars_of_its_training_is_marked_when_it_is_queued(
    client: TestClient, range_: dict[str, str], *, overlaps: bool
) -> None:
    store_model(client, f"{STRATEGY}_a")
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", **range_}
    assert client.post("backtests/start", json=body).status_code == 200
    (operation,) = client.get("operations", params={"operation_type": "backtesting", "brief": True}).json()[
        "operations"
    ]
    assert operation["metadata"]["request"]["overlaps_training"] is overlaps


def test_a_backtest_beyond_a_worker_s_memory_is_refused_with_the_number_and_the_bound(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_model(client, "hourly")
    monkeypatch.setattr("ktrdr.api.services.requests.MOST_BYTES", 2_000_000)
    error = backtest(client, "1h").json()["error"]
    assert error["code"] == "too_many_bars"
    assert "Computing on these 6,242 bars takes about" in error["message"]
    assert error["details"]["bytes_needed"] > error["details"]["bytes_at_most"] == 2_000_000
    assert client.get("operations", params={"operation_type": "backtesting"}).json()["total_count"] == 0


def test_bars_before_the_range_count_for_a_backtest_s_memory(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_model(client, "hourly")
    monkeypatch.setattr("ktrdr.api.services.requests.MOST_BYTES", 1)
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", "start_date": "2023-12-01"}
    counted = client.post("backtests/start", json=body).json()["error"]["details"]["bars"]
    data = client.get("data/EURUSD-SAMPLE/1h", params={"start_date": "2023-12-01", "limit": 1}).json()["data"]
    assert counted > data["metadata"]["total"]


def test_a_backtest_on_a_missing_timeframe_is_queued_with_its_source(client: TestClient) -> None:
    store_model(client, "hourly")
    hours = client.get("data/EURUSD-SAMPLE/1h", params={"limit": 50_000}).json()["data"]
    rows = zip(hours["dates"], hours["ohlcv"], strict=True)
    text = "".join(f"{time},{','.join(map(repr, row))}\n" for time, row in rows)
    assert client.post("data/OTHER/30m", content=f"{HEADER}\n{text}").status_code == 201
    body = {"strategy_name": STRATEGY, "symbol": "OTHER", "timeframe": "1h"}
    assert client.post("backtests/start", json=body).status_code == 200
    entry = client.get("operations", params={"operation_type": "backtesting"}).json()["operations"][0]
    assert entry["metadata"]["request"]["made_of"] == {"OTHER": {"1h": "30m"}}
