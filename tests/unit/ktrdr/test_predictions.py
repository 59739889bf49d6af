"""A prediction is queued for a backtest worker, with the newest bars of the model's finest timeframe."""

import io
import json
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.services import training_service
from ktrdr.data.bars import Bars, iso
from ktrdr.model_files import CONFIG, METADATA, digest
from tests.api.population import Worker, store_model
from tests.unit.ktrdr.test_strategies_stored import MINE, document, put, text

MODEL = "mine_a"


@pytest.fixture
def stored(client: TestClient, csv: str) -> TestClient:
    client.post("data/EURUSD/1h", content=csv)
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
    headers = {"X-Content-SHA256": digest(buffer.getvalue())}
    assert client.put(f"models/{MODEL}/archive", content=buffer.getvalue(), headers=headers).is_success


def test_the_newest_bars_are_asked_for(stored: TestClient, year: Bars) -> None:
    one, ten = request_of(stored), request_of(stored, bars=10, symbol="EURUSD")
    assert (one["start_date"], one["end_date"]) == (iso(year.times[-1]), iso(year.times[-1]))
    assert (ten["start_date"], ten["end_date"]) == (iso(year.times[-10]), iso(year.times[-1]))
    assert (one["symbol"], one["timeframe"], one["model"]) == ("EURUSD", "1h", MODEL)
    assert (one["strategy_name"], one["strategy_changed"]) == (MINE, False)


def test_a_worker_of_backtests_gets_it(stored: TestClient) -> None:
    operation_id = ask(stored).json()["operation_id"]
    worker = Worker(stored, "b", "backtest")
    assert worker.beat()["operation"]["operation_type"] == "prediction"
    assert worker.operation_id == operation_id


def test_a_model_of_a_replaced_strategy_says_so_and_one_of_a_removed_strategy_decides_by_its_copy(
    stored: TestClient,
) -> None:
    put(stored, text(epochs=6))
    assert request_of(stored)["strategy_changed"] is True
    stored.app.state.context.strategies.remove(MINE)  # type: ignore[attr-defined]  an operator has removed the file
    assert request_of(stored)["strategy_changed"] is False


def test_a_model_of_several_symbols_asks_for_one(stored: TestClient) -> None:
    remade(stored, METADATA, symbols=["EURUSD", "GBPUSD"])
    assert refused(stored) == (400, "no_symbol")
    assert request_of(stored, symbol="EURUSD")["symbol"] == "EURUSD"


def test_what_cannot_be_predicted_is_refused_with_the_reason(
    stored: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(stored, symbol="GBPUSD") == (400, "no_data")
    assert refused(stored, bars=0) == refused(stored, bars=1001) == (422, "invalid_request")
    assert stored.post("models/none/predict", json={}).status_code == 404
    monkeypatch.setattr(training_service, "MOST_BYTES", 1)
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
