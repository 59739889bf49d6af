"""The commands of the command line. Each one loads only what it needs."""

import argparse
import json
import os
import sys
import time
from typing import Any, Final

from ktrdr.errors import UnavailableError

POLL_S: Final = 0.5
METRICS: Final = ("training_metrics", "test_metrics")
SHUTDOWN_S: Final = 5
"""Seconds that requests have to end when the backend stops; an engine kills after 10."""


def api(options: argparse.Namespace) -> int:
    """Serve the API until it is stopped."""
    from ktrdr.settings import Settings  # noqa: PLC0415  see the module's first line

    Settings.from_environment()
    import uvicorn  # noqa: PLC0415  a wrong setting is reported without loading it

    uvicorn.run(
        "ktrdr.api.main:app",
        host=options.host,
        port=options.port,
        http="ktrdr.api.connections:Connection",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return 0


def worker(_options: argparse.Namespace) -> int:
    """Serve as the worker that the environment names until it is stopped."""
    from ktrdr.worker.__main__ import main as start  # noqa: PLC0415  see the module's first line

    return start()


def sample(options: argparse.Namespace) -> int:
    """Generate the sample year; print, save or upload it."""
    from ktrdr.data.sample import generate, to_csv  # noqa: PLC0415  see the module's first line

    bars = generate(options.year, seed=options.seed)
    text = to_csv(bars)
    if options.upload:
        ask(options.upload, "POST", "/data/EURUSD/1h", text.encode(), "text/csv")
        print(f"{len(bars)} bars of EURUSD 1h uploaded to {options.upload}")
        print(f"next: ktrdr train mlp_fx_hourly --backend {options.upload}")
    elif options.output:
        options.output.write_text(text, encoding="utf-8")
        print(f"{len(bars)} bars written to {options.output}")
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0


def schema(_options: argparse.Namespace) -> int:
    """Print the JSON schema of a strategy's file."""
    from ktrdr.strategy.checks import json_schema  # noqa: PLC0415  see the module's first line

    print(json.dumps(json_schema(), indent=2))
    return 0


def train(options: argparse.Namespace) -> int:
    """Train on a worker or in this process; print the progress, then the metrics as JSON."""
    return _train_here(options) if options.here else _train_on_a_worker(options)


def ask(
    url: str,
    method: str,
    path: str,
    content: bytes | None = None,
    kind: str = "application/json",
    *,
    patient: bool = False,
) -> Any:
    """Send a request to the backend and return its JSON answer; UnavailableError names the next step.

    `patient` repeats the request while the backend restarts; use it only for requests that may be repeated.
    """
    from ktrdr.secret_file import CLIENTS, bearer, shared_secret  # noqa: PLC0415  see the module's first line
    from ktrdr.worker import backend  # noqa: PLC0415

    try:
        asked = backend.Backend(url).patient(time.sleep, backend.PATIENCE_S if patient else 0.0)
        asked.credentials |= bearer(shared_secret(CLIENTS, os.environ))
        answer, _ = asked.send(method, path, content, {"Content-Type": kind})
    except (backend.BackendTroubledError, backend.BackendRefusedError) as error:
        raise UnavailableError(error.code, f"{url} refused: {error.message}") from None
    except backend.BackendAwayError as error:
        message = f"{error}. Start the backend (ktrdr api), or name another address."
        raise UnavailableError("backend_away", message) from None
    return json.loads(answer)


def backtest(options: argparse.Namespace) -> int:
    """Backtest on a worker; print the progress, then what to know of the result, then the metrics as JSON."""
    body = {
        "strategy_name": options.strategy,
        "symbol": options.symbol,
        "timeframe": options.timeframe,
        "start_date": options.start_date,
        "end_date": options.end_date,
        "model_path": options.model,
    }
    return _on_a_worker(options, "backtest", body, "metrics")


def _train_on_a_worker(options: argparse.Namespace) -> int:
    body = {"strategy_name": options.strategy, "start_date": options.start_date, "end_date": options.end_date}
    return _on_a_worker(options, "training", body, *METRICS)


def _on_a_worker(options: argparse.Namespace, what: str, body: dict[str, Any], *shown: str) -> int:
    """Let a worker carry out an operation; print its progress and these parts of its results."""
    started = ask(options.backend, "POST", f"/{what}s/start", json.dumps(body).encode())
    summary = _follow(options, what, started["operation_id" if what == "backtest" else "task_id"])
    if summary is not None:
        _print(summary, *shown)
    return 1 if summary is None else 0


def _follow(options: argparse.Namespace, what: str, task: str) -> dict[str, Any] | None:
    """Print an operation's progress until it ends; return its results, or None after printing why it has none."""
    print(f"{what} {task} of {options.strategy}")
    path, told = f"/operations/{task}", ""
    try:
        while True:
            operation: dict[str, Any] = ask(options.backend, "GET", path, patient=True)["operation"]
            if operation["status"] not in ("pending", "running"):
                break
            progress = operation["progress"]
            line = f"{progress['percentage']:5.1f} % {progress['current_step'] or operation['status']}"
            if line != told:
                print(line, flush=True)
            told = line
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        cancel = f"curl -X DELETE {options.backend}/api/v1{path}"
        print(f"\nktrdr: the {what} continues on the worker; to cancel it: {cancel}", file=sys.stderr)
        raise
    if operation["status"] != "completed":
        print(f"ktrdr: {what} {task} {operation['status']}: {operation['error_message'] or 'no reason given'}",
              file=sys.stderr)  # fmt: skip
        return None
    summary: dict[str, Any] = operation["result_summary"]
    return summary


def _train_here(options: argparse.Namespace) -> int:
    from ktrdr import torch_check  # noqa: PLC0415  see the module's first line
    from ktrdr.api.services.training.local_orchestrator import LocalOrchestrator  # noqa: PLC0415
    from ktrdr.data.files import DataDirectory  # noqa: PLC0415
    from ktrdr.settings import SHIPPED_STRATEGIES, Settings  # noqa: PLC0415
    from ktrdr.strategy.files import StrategyDirectory  # noqa: PLC0415

    root = Settings.from_environment().data_dir
    torch_check.require()
    strategies = StrategyDirectory(SHIPPED_STRATEGIES, root / "strategies")
    strategies.load(options.strategy)
    if options.here.exists():
        raise ValueError(f"{options.here} exists already; name a new directory for the model")
    options.here.mkdir(parents=True)
    try:
        summary = LocalOrchestrator(strategies, DataDirectory(root)).run(
            options.strategy,
            options.here,
            start_date=options.start_date,
            end_date=options.end_date,
            progress=lambda percentage, step, *_: print(f"{percentage:5.1f} % {step}", flush=True),
        )
    finally:
        if not any(options.here.iterdir()):
            options.here.rmdir()
    _print({"model_path": str(options.here), **summary}, *METRICS)
    return 0


def _print(summary: dict[str, Any], *shown: str) -> None:
    for warning in summary.get("warnings", ()):
        print(f"ktrdr: warning: {warning}", file=sys.stderr)
    print(json.dumps({key: summary[key] for key in ("model_path", *shown)}, indent=2))
