"""A prediction is queued for a backtest worker, with the newest bars of the model's finest timeframe."""

import io
import json
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.services import requests
from ktrdr.data.bars import Bars, iso
from ktrdr.model_files import CONFIG, METADATA
from ktrdr.settings import Settings
from tests.api.population import Worker, keep_model, store_model
from tests.unit.ktrdr.test_strategies_stored import MINE, document, put, text

MODEL = "mine_a"
DECISION = {"timestamp": "2023-12-29T21:00:00Z", "close": 1.1, "signal": "BUY", "confidence": 0.7}


@pytest.fixture
def stored(client: TestClient, csv: str) -> TestClient:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    Worker(client, "b", "backtest").register()
    put(client, text(epochs=5))
    store_model(client, MODEL, strategy=MINE, document=document(epochs=5))
    return client


def ask(client: TestClient, **body: Any) -> Any:
    return client.post(f"models/{MODEL}/predict", json=body)


def request_of(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = ask(client, **body)
    assert answer.status_code == 200, answer.text
    operation = client.get(f"operations/{answer.json()['operation_id']}").json()["operation"]
    assert (operation["operation_type"], operation["status"]) == ("prediction", "pending")
    return dict(operation["metadata"]["request"])


def refused(client: TestClient, **body: Any) -> tuple[int, str]:
    answer = ask(client, **body)
    return answer.status_code, answer.json()["error"]["code"]


def remade(client: TestClient, file: str, **changed: Any) -> None:
    """Store the model again with other values in one of its files."""
    with zipfile.ZipFile(io.BytesIO(client.get(f"models/{MODEL}/archive").content)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents[file] = json.dumps(json.loads(contents[file]) | changed).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in contents.items():
            made.writestr(name, content)
    client.delete(f"models/{MODEL}")
    keep_model(client, MODEL, buffer.getvalue())


def test_the_newest_bars_are_asked_for(stored: TestClient, year: Bars) -> None:
    one, ten = request_of(stored), request_of(stored, bars=10, symbol="EURUSD-SAMPLE")
    assert (one["start_date"], one["end_date"]) == (iso(year.times[-1]), iso(year.times[-1]))
    assert (ten["start_date"], ten["end_date"]) == (iso(year.times[-10]), iso(year.times[-1]))
    assert (one["symbol"], one["timeframe"], one["model"]) == ("EURUSD-SAMPLE", "1h", MODEL)
    assert (one["strategy_name"], one["strategy_changed"]) == (MINE, False)


def test_a_worker_of_backtests_gets_it(stored: TestClient) -> None:
    operation_id = ask(stored).json()["operation_id"]
    worker = Worker(stored, "b", "backtest")
    assert worker.beat()["operation"]["operation_type"] == "prediction"
    assert worker.operation_id == operation_id


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({}, ""),
        ({"decision": None}, "result_summary.decision"),
        ({"decisions": [{}]}, "result_summary.decisions.0.timestamp"),
        ({"decision": {**DECISION, "signal": "WAIT"}}, "result_summary.decision.signal"),
        ({"decisions": [DECISION] * 1001}, "result_summary.decisions"),
    ],
)
def test_its_result_is_one_or_is_refused_with_its_key(stored: TestClient, changed: dict[str, Any], key: str) -> None:
    ask(stored)
    worker = Worker(stored, "b", "backtest")
    worker.beat()
    result = {
        "decision": DECISION, "decisions": [DECISION], "confidence_threshold": 0.5, "warm_up_bars": 0, "warnings": [],
        "model_path": f"models/{MODEL}", **changed,
    }  # fmt: skip
    report = {"operation_id": worker.operation_id, "status": "completed", "result_summary": result}
    answer = stored.post("workers/b/heartbeat", json={"operation": report})
    if key:
        problems = answer.json()["error"]["details"]["problems"]
        assert (answer.status_code, problems[0]["where"]) == (422, key)
    else:
        assert stored.get(f"operations/{worker.operation_id}/results").json()["results"] == result


def test_a_model_of_a_replaced_strategy_says_so_and_one_of_a_removed_strategy_decides_by_its_copy(
    stored: TestClient, settings: Settings
) -> None:
    put(stored, text(epochs=6))
    assert request_of(stored)["strategy_changed"] is True
    (settings.data_dir / "strategies" / f"{MINE}.yaml").unlink()
    assert request_of(stored)["strategy_changed"] is False


def test_a_model_of_several_symbols_asks_for_one(stored: TestClient) -> None:
    remade(stored, METADATA, symbols=["EURUSD-SAMPLE", "GBPUSD"])
    assert refused(stored) == (400, "no_symbol")
    assert request_of(stored, symbol="EURUSD-SAMPLE")["symbol"] == "EURUSD-SAMPLE"


def test_what_cannot_be_predicted_is_refused_with_the_reason(
    stored: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(stored, symbol="GBPUSD") == (400, "no_data")
    assert refused(stored, bars=0) == refused(stored, bars=1001) == (422, "invalid_request")
    assert stored.post("models/none/predict", json={}).status_code == 404
    monkeypatch.setattr(requests, "MOST_BYTES", 1)
    assert ask(stored).status_code == 200, "only as many bars are read as the indicators need"
    whole = {"obv": {"type": "obv"}, **document()["indicators"]}
    inputs = [*document()["nn_inputs"], {"indicator": "obv"}]
    remade(stored, CONFIG, strategy={**document(), "indicators": whole, "nn_inputs": inputs})
    assert refused(stored) == (400, "too_many_bars")
    remade(stored, CONFIG, strategy={})
    assert refused(stored) == (400, "bad_model")
    remade(stored, CONFIG, strategy=document())
    stored.delete("workers/b")
    assert refused(stored) == (503, "no_worker")
