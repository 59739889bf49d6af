"""`ktrdr train`: a training, on a worker or here."""

import argparse
from pathlib import Path
from typing import Any, Final

from ktrdr.commands.client import Client, finish, warn
from ktrdr.commands.figures import of_training
from ktrdr.commands.parts import add_backend, add_dates, add_json
from ktrdr.commands.progress import Progress
from ktrdr.commands.tables import print_json, print_pairs

METRICS: Final = ("training_metrics", "test_metrics")
EXAMPLES: Final = """\
examples:
  ktrdr train mlp_fx_hourly                     on a worker of the backend
  ktrdr train mlp_fx_hourly --start-date 2023-01-01 --end-date 2023-10-31
  ktrdr train mlp_fx_hourly --symbols EURUSD GBPUSD --timeframes 1h
  ktrdr train mlp_fx_hourly --here my-model     in this process (needs torch)

Ctrl-C ends the waiting; the training goes on, and a line says how to cancel
it. With --here it ends the training.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    place = parser.add_mutually_exclusive_group()
    add_backend(place, "the backend whose workers train")
    place.add_argument(
        "--here",
        type=Path,
        metavar="DIR",
        help="train in this process, on the bars in KTRDR_DATA_DIR, and write the model to a new DIR",
    )
    parser.add_argument("--symbols", nargs="+", metavar="SYMBOL", help="in place of the strategy's own")
    parser.add_argument("--timeframes", nargs="+", metavar="TIMEFRAME", help="in place of the strategy's own")
    add_dates(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Train on a worker or in this process; show the progress, then the metrics."""
    summary = _here(options) if options.here else _on_a_worker(options)
    if summary is None:
        return 1
    warn(summary)
    if options.json:
        print_json({key: summary[key] for key in ("model_path", *METRICS)})
    else:
        print_pairs([("model", summary["model_path"]), *of_training(*(summary[key] for key in METRICS))])
    return 0


def _on_a_worker(options: argparse.Namespace) -> dict[str, Any] | None:
    client = Client(options.backend)
    body = {
        "strategy_name": options.strategy,
        "symbols": options.symbols or [],
        "timeframes": options.timeframes or [],
        "start_date": options.start_date,
        "end_date": options.end_date,
    }
    operation = finish(client, client.post("/trainings/start", body)["task_id"])
    summary: dict[str, Any] | None = operation and operation["result_summary"]
    return summary


def _here(options: argparse.Namespace) -> dict[str, Any]:
    from ktrdr import torch_check  # noqa: PLC0415  not needed for `--help`
    from ktrdr.api.services.training.local_orchestrator import LocalOrchestrator  # noqa: PLC0415
    from ktrdr.data.files import DataDirectory  # noqa: PLC0415
    from ktrdr.settings import SHIPPED_STRATEGIES, Settings  # noqa: PLC0415
    from ktrdr.strategy.files import StrategyDirectory  # noqa: PLC0415

    if options.symbols or options.timeframes:
        raise ValueError("--symbols and --timeframes need a backend; with --here, the strategy's own are trained on")
    root = Settings.from_environment().data_dir
    torch_check.require()
    strategies = StrategyDirectory(SHIPPED_STRATEGIES, root / "strategies")
    strategies.load(options.strategy)
    if options.here.exists():
        raise ValueError(f"{options.here} exists already; name a new directory for the model")
    options.here.mkdir(parents=True)
    progress = Progress()
    try:
        summary = LocalOrchestrator(strategies, DataDirectory(root)).run(
            options.strategy,
            options.here,
            start_date=options.start_date,
            end_date=options.end_date,
            progress=lambda percentage, step, *_: progress.show(percentage, step),
        )
    finally:
        progress.clear()
        if not any(options.here.iterdir()):
            options.here.rmdir()
    return {"model_path": str(options.here), **summary}
