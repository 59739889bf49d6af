"""Made-up observations of the images at work together: a good one, to be spoilt."""

import json
from typing import Any

from verify.e2e.judge import judge
from verify.e2e.observation import SystemObservation
from verify.judge.end_to_end import EndToEnd

IMAGES = ("ktrdr-worker-cpu:test", "ktrdr-worker-gpu:test")
IDS = {"backend": "sha256:b", "worker-cpu": "sha256:w"}
METRICS = {
    "epochs_trained": 27,
    "first_train_loss": 1.08,
    "final_train_loss": 0.98,
    "final_train_accuracy": 0.5,
    "final_val_loss": 0.99,
    "final_val_accuracy": 0.48,
    "training_time": 3.4,
}
COSTS = {"initial_capital": 100_000.0, "commission": 0.0001, "slippage": 0.00005}
BARS: dict[str, Any] = {
    "points": 4,
    "dates": [f"2023-12-29T{hour}:00:00Z" for hour in (18, 19, 20, 21)],
    "ohlcv": [
        [1.10, 1.1, 1.1, 1.11, 1.0],
        [1.11, 1.2, 1.1, 1.12, 1.0],
        [1.12, 1.2, 1.1, 1.1, 1.0],
        [1.1, 1.2, 1, 1.09, 1],
    ],
}


def answer(body: Any, status: int = 200, seconds: float = 0.1, *, met: bool = True) -> dict[str, Any]:
    waited = {"limit": 30.0, "waited_for": "it"}
    return {"method": "GET", "path": "/x", "status": status, "body": body, "seconds": seconds, "met": met, **waited}


def seen(name: str, role: str = "worker-cpu", *, running: bool = True, code: int = 0, log: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "container_id": name,
        "image_id": IDS[role],
        "started": "2026-01-01T10:00:00.123456789Z",
        "finished": "" if running else "2026-01-01T10:01:00Z",
        "running": running,
        "exit_code": code,
        "out_of_memory": False,
        "log": log or f"INFO: {name} runs",
    }


def operation(status: str, task: str = "op", worker: str = "training-1", **more: Any) -> dict[str, Any]:
    known = {"operation_id": task, "status": status, "started_at": "2026-01-01T10:00:30.000+00:00"}
    progress = {"steps_completed": 3, "current_step": "epoch 3 of 40"}
    whole = {
        **known,
        "progress": progress,
        "metadata": {"worker_id": worker},
        "error_code": None,
        "error_message": None,
    }
    return whole | more


def of(status: str, task: str = "op", worker: str = "training-1", **more: Any) -> dict[str, Any]:
    return answer({"operation": operation(status, task, worker, **more)})


def listed(**kinds: str) -> dict[str, Any]:
    workers = [
        {
            "worker_id": name.replace("_", "-"),
            "type": kind,
            "status": "idle",
            "endpoint_url": f"http://{name.replace('_', '-')}:5003",
            "registered_at": "2026-01-01T10:00:02.623+00:00",
            "last_seen": "2026-01-01T10:00:03.000+00:00",
        }
        for name, kind in kinds.items()
    ]
    return answer({"workers": workers})


def summary() -> dict[str, Any]:
    data = {"total_samples": 6100, "test_samples": 920, "end_date": "2023-12-29T21:00:00Z"}
    tests = {"test_accuracy": 0.49, "test_loss": 1.02}
    return {"model_path": "models/m1", "training_metrics": METRICS, "test_metrics": tests, "data_summary": data}


def traded() -> dict[str, Any]:
    """One long trade from the second bar's open to the third's, one short one to the last close; costs applied."""
    commission, slippage = COSTS["commission"], COSTS["slippage"]
    first_in, first_out = 1.11 * (1 + slippage), 1.12 * (1 - slippage)
    units = 100_000.0 / (first_in * (1 + commission))
    capital = units * first_out * (1 - commission)
    second_in, second_out = 1.12 * (1 - slippage), 1.09 * (1 + slippage)
    units = capital / (second_in * (1 + commission))
    capital += units * (second_in * (1 - commission) - second_out * (1 + commission))
    dates = BARS["dates"]
    trades = [
        {"direction": "long", "entry_time": dates[1], "exit_time": dates[2]},
        {"direction": "short", "entry_time": dates[2], "exit_time": dates[3]},
    ]
    curve = [{"timestamp": dates[0], "equity": 100_000.0}, {"timestamp": dates[3], "equity": round(capital, 2)}]
    metrics = {"total_return_pct": 100 * (capital / 100_000.0 - 1), "total_trades": 2}
    return {"config": COSTS, "trade_count": 2, "trades": trades, "equity_curve": curve, "metrics": metrics}


MODELS = answer({"models": [{"name": f"m{number}", "model_path": f"models/m{number}"} for number in range(1, 11)]})
STARTED = answer({"task_id": "op", "operation_id": "op"})
WORKERS = listed(training_1="training", backtest_1="backtest")
IDLE = answer({"worker": {"status": "idle"}})
DONE = of("completed", result_summary=summary())
KNOWN = answer({"operations": [operation("completed", "a"), operation("running", "b"), operation("pending", "c")]})


def scenarios() -> dict[str, Any]:
    return normal() | disturbed()


def normal() -> dict[str, Any]:
    return {
        "startup": {
            "answers": {"health": answer({"status": "ok"}), "trainer": IDLE, "tester": IDLE, "workers": WORKERS},
            "containers": {
                "backend": seen("backend", "backend"),
                "training-1": seen("training-1"),
                "backtest-1": seen("backtest-1"),
            },
        },
        "misplaced": {
            "answers": {"workers": WORKERS},
            "containers": {
                "misplaced": seen("misplaced", "backend", running=False, code=1, log=f"Use {IMAGES[0]} or {IMAGES[1]}")
            },
        },
        "sample": {
            "answers": {"series": answer({"data": {"points": 6242}})},
            "printed": {
                "upload": {"command": ["ktrdr"], "exit_code": 0, "output": "uploaded"},
                "copies": {"command": ["python"], "exit_code": 0, "output": "GBPUSD 201"},
            },
        },
        "training": {
            "answers": {
                "start": STARTED,
                "ended": DONE,
                "performance": answer({"test_metrics": summary()["test_metrics"]}),
                "models": MODELS,
            },
            "containers": {"training-1": seen("training-1")},
        },
        "again": {"answers": {"start": STARTED, "ended": DONE}},
        "backtest": {
            "answers": {
                "start": STARTED,
                "ended": of("completed", worker="backtest-1", result_summary=traded()),
                "bars": answer({"data": BARS}),
            }
        },
    }


def disturbed() -> dict[str, Any]:
    return {
        "cancel": {
            "answers": {
                "start": STARTED,
                "running": of("running"),
                "cancel": answer({}, 202),
                "ended": of("cancelled"),
                "idle": IDLE,
            }
        },
        "restart": {
            "answers": {
                "first": STARTED,
                "running": of("running"),
                "models": MODELS,
                "before": KNOWN,
                "after": KNOWN,
                "models_after": MODELS,
                "health": answer({"status": "ok"}),
                "workers": WORKERS,
                "trainer": IDLE,
                "tester": IDLE,
                **{f"ended-{number}": DONE for number in (1, 2, 3)},
            },
            "containers": {"backend": seen("backend", "backend", running=False, code=137)},
            "times": {"back": 1.9},
        },
        "killed": {
            "answers": {
                "start": STARTED,
                "running": of("running"),
                "ended": of("failed", error_code="worker_lost"),
                "retry": answer({"operation_id": "again"}, 202),
                "resumed": of("completed", "again", result_summary={**summary(), "resumed_after_epoch": 3}),
            },
            "containers": {"training-1": seen("training-1", running=False, code=137)},
            "times": {"lost": 11.2},
        },
        "queue": queue(),
        "terminated": {
            "answers": {
                "start": STARTED,
                "running": of("running", worker="training-2"),
                "ended": of("failed", error_code="worker_shutdown"),
                "worker": answer({"success": False}, 404),
                "anew": answer({"operations": [operation("pending", "again")]}),
                "resumed": of(
                    "completed", "again", "training-3", result_summary={**summary(), "resumed_after_epoch": 3}
                ),
            },
            "containers": {"training-2": seen("training-2", running=False)},
            "times": {"gone": 1.3},
        },
    }


def queue() -> dict[str, Any]:
    tasks = [f"op{number:02}" for number in range(1, 11)]
    workers = ["training-2", "training-3"] * 5
    ended = {
        f"ended-{number}": of(
            "completed", task, workers[number - 1],
            result_summary={"model_path": f"models/m{number}"},
            started_at=f"2026-01-01T10:00:{number:02}.000+00:00",
        )
        for number, task in enumerate(tasks, start=1)
    }  # fmt: skip
    logs = {
        name: "".join(f"INFO: {task} begins\n" for task, one in zip(tasks, workers, strict=True) if one == name)
        for name in set(workers)
    }
    return {
        "answers": {
            **{f"start-{number}": answer({"task_id": task}) for number, task in enumerate(tasks, start=1)},
            **ended,
            "operations": answer({"operations": [operation("completed", task) for task in tasks]}),
            "models": MODELS,
        },
        "containers": {name: seen(name, log=log) for name, log in logs.items()},
    }


def good() -> dict[str, Any]:
    """Return a good observation as a document that a test may spoil."""
    images = {role: {"tag": f"ktrdr-{role}:x", "image_id": one, "identity": f"{one}i"} for role, one in IDS.items()}
    containers = {name: seen(name) for name in ("training-1", "backtest-1", "training-2", "training-3")}
    containers["backend"] = seen("backend", "backend")
    containers["misplaced"] = scenarios()["misplaced"]["containers"]["misplaced"]
    document = {"images": images, "scenes": scenarios(), "containers": containers, "seconds": 80.0}
    return dict(json.loads(json.dumps(document)))  # parts that are used twice become two


def judged(document: dict[str, Any]) -> EndToEnd:
    """Return the verdict on an observation."""
    return judge(SystemObservation.model_validate(document), IMAGES, "2026-01-01T10:00:00+00:00")
