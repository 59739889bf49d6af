"""What a backend is filled with over HTTP: bars, workers that only pretend to compute, a model, operations."""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from typing import Any, Final

import httpx
from fastapi.testclient import TestClient

from ktrdr.api.services.model_index import ModelIndex
from ktrdr.api.store.database import Database
from ktrdr.data.bars import iso
from ktrdr.data.sample import generate, to_csv
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import CONFIG, FEATURES, METADATA, METRICS, WEIGHTS, digest
from ktrdr.names import model_name
from ktrdr.store_address import SqliteFile
from tests.api.backend import Api

STRATEGY: Final = "mlp_fx_hourly"
BARS: Final = 1500
CPU: Final = {"gpu": False, "gpu_count": 0, "torch": "2.13.0+cpu"}
GPU: Final = {"gpu": True, "gpu_type": "H200", "gpu_count": 2, "torch": "2.13.0+cu130", "cuda": "13.0"}


class Worker:
    """A worker as the backend knows one: it registers, beats and reports. What it reports is the test's."""

    def __init__(
        self, api: httpx.Client, worker_id: str, kind: str, capabilities: dict[str, Any] | None = None
    ) -> None:
        self.api, self.worker_id, self.kind = api, worker_id, kind
        self.capabilities = capabilities or CPU
        self.operation_id = ""
        self.token = ""

    @property
    def model(self) -> str:
        """The name of the model that its training makes."""
        return model_name(STRATEGY, self.operation_id)

    def register(self) -> None:
        """Introduce itself."""
        body = {
            "worker_id": self.worker_id,
            "worker_type": self.kind,
            "endpoint_url": f"http://{self.worker_id}:5003",
            "capabilities": self.capabilities,
        }
        answered = self.api.post("workers/register", json=body)
        answered.raise_for_status()
        self.token = answered.json()["token"]

    def beat(self, status: str = "", percentage: float = 0.0, step: str = "", **report: Any) -> dict[str, Any]:
        """Report on its operation where a status is given; begin what is handed out; return the answer."""
        operation = None
        if self.kind == "training" and "model_path" in report.get("result_summary", {}):
            report["result_summary"] = {**report["result_summary"], "model_path": f"models/{self.model}"}
        if status:
            done = {"steps_completed": int(percentage), "steps_total": 100}
            progress = {"percentage": percentage, "current_step": step, **done}
            operation = {"operation_id": self.operation_id, "status": status, "progress": progress, **report}
        answered = self.api.post(f"workers/{self.worker_id}/heartbeat", json={"operation": operation})
        answered.raise_for_status()
        answer: dict[str, Any] = answered.json()
        if answer["operation"]:
            self.operation_id = answer["operation"]["operation_id"]
        return answer

    def upload(self, content: bytes) -> httpx.Response:
        """Upload an archive as the model of its training."""
        headers = {"X-Content-SHA256": digest(content), "X-Worker-Token": self.token}
        return self.api.put(f"models/{self.model}/archive", content=content, headers=headers)

    def keep(self, content: bytes) -> httpx.Response:
        """Upload a checkpoint of its training."""
        headers = {"X-Content-SHA256": digest(content), "X-Worker-Token": self.token}
        return self.api.put(f"operations/{self.operation_id}/checkpoint", content=content, headers=headers)

    def send(self, kind: str, record: bytes) -> httpx.Response:
        """Upload a record of its backtest."""
        headers = {"Content-Type": "application/gzip", "X-Worker-Token": self.token}
        return self.api.put(f"operations/{self.operation_id}/{kind}", content=record, headers=headers)

    def kept(self) -> httpx.Response:
        """Download the checkpoint of its training."""
        return self.api.get(f"operations/{self.operation_id}/checkpoint")


def store_bars(api: httpx.Client, count: int = BARS) -> None:
    """Upload hourly bars of EURUSD-SAMPLE, by default three months."""
    text = to_csv(generate().between(0, count))
    api.post("data/EURUSD-SAMPLE/1h", content=text, headers={"Content-Type": "text/csv"}).raise_for_status()


def store_model(api: httpx.Client, name: str, **about: Any) -> None:
    """Put a model where the backend keeps them; `about` as for `model_archive`."""
    keep_model(api, name, model_archive(**about))


def model_archive(*, accuracy: float = 0.612, created_at: str = "2024-05-01T12:00:00+00:00",
                  strategy: str = STRATEGY, warnings: Sequence[str] = (), document: Any = None) -> bytes:  # fmt: skip
    """Return a model with a worker's five files; its weights are no network."""
    training = {
        "epochs_trained": 31, "final_train_loss": 0.71, "final_train_accuracy": 0.64,
        "final_val_loss": 0.78, "final_val_accuracy": 0.6, "training_time": 12.5,
    }  # fmt: skip
    test = {
        "test_accuracy": accuracy, "test_loss": 0.8, "precision": 0.6, "recall": 0.58, "f1_score": 0.59,
        "majority_share": 0.537,
    }  # fmt: skip
    metadata = {
        "strategy_name": strategy, "created_at": created_at, "ktrdr_version": "1.0.0", "data_sha256": "0" * 64,
        "symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"], "start_date": "2023-01-01T22:00:00Z",
        "end_date": "2023-03-31T23:00:00Z", "torch_version": "2.13.0+cpu",
    }  # fmt: skip
    files = {
        WEIGHTS: b"no network",
        CONFIG: _json({"schema": 1, "inputs": 3, "strategy": document}),
        FEATURES: _json({"names": ["rsi.low", "rsi.high", "macd"], "means": [0, 0, 0], "deviations": [1, 1, 1]}),
        METRICS: _json({"training_metrics": training, "test_metrics": test, "warnings": list(warnings)}),
        METADATA: _json(metadata),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return buffer.getvalue()


def keep_model(api: httpx.Client, name: str, content: bytes) -> None:
    """Put an archive among a backend's models under any name, which no client may."""
    if isinstance(api, TestClient):
        index = api.app.state.context.models  # type: ignore[attr-defined]  # FastAPI's
        index.directory.store(name, content, digest(content))
        index.add(name)
        return
    assert isinstance(api, Api)
    database = Database(SqliteFile(api.data / "ktrdr.db"))
    assert database.open() is None
    index = ModelIndex(database, ModelDirectory(api.data / "models"))
    index.directory.store(name, content, digest(content))
    index.add(name)
    database.close()


def start_training(api: httpx.Client) -> str:
    """Ask for a training; return its operation's id."""
    answer = api.post("trainings/start", json={"strategy_name": STRATEGY})
    answer.raise_for_status()
    return str(answer.json()["task_id"])


def start_backtest(api: httpx.Client, **more: str) -> str:
    """Ask for a backtest with the newest model; return its operation's id."""
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", **more}
    answer = api.post("backtests/start", json=body)
    answer.raise_for_status()
    return str(answer.json()["operation_id"])


def training_result(operation_id: str = "") -> dict[str, Any]:
    """Return what a worker reports of a completed training; a Worker puts its own model's path in."""
    return {
        "model_path": f"models/{model_name(STRATEGY, operation_id or 'a')}",
        "training_metrics": {
            "epochs_trained": 31, "best_epoch": 21, "first_train_loss": 1.1, "final_train_loss": 0.71,
            "final_train_accuracy": 0.64, "train_majority_share": 0.5, "final_val_loss": 0.78,
            "final_val_accuracy": 0.6, "val_majority_share": 0.51, "training_time": 12.5,
        },
        "test_metrics": {
            "test_accuracy": 0.612, "test_loss": 0.8, "precision": 0.6, "recall": 0.58, "f1_score": 0.59,
            "majority_share": 0.537,
        },
        "model_info": {
            "parameter_count": 1234, "feature_count": 3, "feature_names": ["rsi.low", "rsi.high", "macd"],
            "classes": ["SELL", "HOLD", "BUY"],
        },
        "data_summary": {
            "symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"], "start_date": "2023-01-01T22:00:00Z",
            "end_date": "2023-03-31T23:00:00Z", "total_samples": BARS, "training_samples": 1050,
            "validation_samples": 225, "test_samples": 225,
        },
    }  # fmt: skip


def trade(begin: int, place: int) -> dict[str, Any]:
    """Return a closed position of five hours, long at even places and short at odd ones; every third one loses."""
    profit = -40.0 - place if place % 3 == 2 else 25.0 + place
    return {
        "direction": "short" if place % 2 else "long", "entry_time": iso(begin), "exit_time": iso(begin + 18_000),
        "entry_price": 1.07, "exit_price": 1.0712, "units": 93_000.0, "commission": 9.9, "slippage": 5.0,
        "profit": profit, "return_pct": profit / 1000,
    }  # fmt: skip


def backtest_result(points: int = 731, drift: float = 0.0004) -> dict[str, Any]:
    """Return what a worker reports of a completed backtest, with an equity curve of so many points."""
    equity = [100_000 * (1 + drift * i + 0.02 * math.sin(i / 23) + 0.006 * math.sin(i / 3.1)) for i in range(points)]
    start = 1_672_610_400
    return {
        "model_path": f"models/{STRATEGY}_a",
        "trade_count": 42,
        "trades": [trade(start + 36_000 * place, place) for place in range(min(42, points // 10))],
        "equity_curve": [
            {
                "timestamp": iso(start + 3600 * place), "equity": round(value, 2),
                "close": round(1.07 + 0.01 * math.sin(place / 31), 5),
                "drawdown_pct": 100 * (1 - value / max(equity[: place + 1])),
            }
            for place, value in enumerate(equity)
        ],
        "config": {
            "strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h",
            "initial_capital": 100_000.0, "commission": 0.0001, "slippage": 0.00005,
        },
        "metrics": {
            "total_return_pct": 100 * (equity[-1] / 100_000 - 1), "annualized_return": 21.4, "volatility": 8.3,
            "sharpe_ratio": 1.31, "sortino_ratio": 1.9, "max_drawdown_pct": 4.2, "win_rate": 0.55,
            "profit_factor": None, "total_trades": 42, "winning_trades": 23, "losing_trades": 19,
            "average_trade_pct": 0.2, "final_equity": equity[-1],
        },
    }  # fmt: skip


def populate(api: httpx.Client) -> None:
    """Store bars and a model, register two workers, and leave an operation in every state."""
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    trainer, tester = Worker(api, "trainer-1", "training", GPU), Worker(api, "tester-1", "backtest")
    trainer.register()
    tester.register()
    start_backtest(api)
    tester.beat()
    tester.beat("completed", 100, "done", result_summary=backtest_result())
    for status, report in (
        ("completed", {"result_summary": training_result()}),
        ("failed", {"error": {"code": "training_failed", "message": "No bar is left after the warm-up."}}),
        ("cancelled", {}),
        ("running", {}),
    ):
        start_training(api)
        trainer.beat()
        epochs = [
            {"epoch": one, "train_loss": 1.1 / one**0.2, "train_accuracy": 0.6, "val_loss": 1.2 / one**0.15,
             "val_accuracy": 0.58} for one in range(1, 13)
        ]  # fmt: skip
        trainer.beat("running", 40, "epoch 12 of 30", epochs=epochs)
        if status == "cancelled":
            api.delete(f"operations/{trainer.operation_id}").raise_for_status()
        trainer.beat(status, 100 if status == "completed" else 43, "epoch 13 of 30", **report)
    start_training(api)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()
