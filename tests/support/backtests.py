"""A worker of backtests that delivers what a walk has brought, records included."""

from fastapi.testclient import TestClient

from ktrdr.backtesting.walk import Walked
from tests.api.population import Worker, store_bars, store_model

CONFIG = {
    "initial_capital": 100_000.0, "commission": 0.0001, "slippage": 0.00005,
    "trained_start": "2023-01-01T22:00:00Z", "trained_end": "2023-03-31T23:00:00Z", "overlaps_training": True,
}  # fmt: skip
WARNING = "The model was trained on bars of this range."


def backtester(client: TestClient) -> Worker:
    """Register a worker that has been given a backtest; the client sends the token of its registration."""
    store_bars(client)
    store_model(client, "m")
    worker = Worker(client, "tester", "backtest")
    body = {"worker_id": "tester", "worker_type": "backtest", "endpoint_url": "http://tester:1"}
    client.headers["X-Worker-Token"] = client.post("workers/register", json=body).json()["token"]
    start(client)
    worker.beat()
    return worker


def start(client: TestClient) -> None:
    """Queue a backtest."""
    body = {"strategy_name": "mlp_fx_hourly", "symbol": "EURUSD-SAMPLE", "timeframe": "1h", "model_path": "m"}
    client.post("backtests/start", json=body).raise_for_status()


def deliver(client: TestClient, worker: Worker, walked: Walked) -> str:
    """Send the records and the result of the worker's backtest; return its path."""
    for record in walked.records():
        answer = client.put(f"operations/{worker.operation_id}/{record.kind}", content=iter(record))
        assert answer.status_code == 201, answer.text
    result = {"config": CONFIG, "model_path": "models/m", "warnings": [WARNING], **walked.summary()}
    worker.beat("completed", 100.0, result_summary=result)
    return f"operations/{worker.operation_id}"
