"""The command line. Loads what a command needs when it runs, nothing for `--help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DEFAULT_API: Final = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, 1 for a failure that the message explains, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    from ktrdr.errors import KtrdrError  # noqa: PLC0415  `--help` has been answered by now

    try:
        return int(options.run(options))
    except (KtrdrError, OSError, ValueError) as error:
        print(f"ktrdr: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ktrdr", description="Neuro-fuzzy trading.")
    commands = parser.add_subparsers(title="commands", required=True)

    api = commands.add_parser("api", help="start the backend", description="Start the backend.")
    api.add_argument("--host", default="127.0.0.1")
    api.add_argument("--port", type=int, default=8000)
    api.set_defaults(run=_api)

    worker = commands.add_parser("worker", help="start a worker", description="Start the KTRDR_WORKER_TYPE worker.")
    worker.set_defaults(run=_worker)

    data = commands.add_parser("data", help="price bars", description="Price bars.")
    data_commands = data.add_subparsers(title="commands", required=True)
    sample = data_commands.add_parser(
        "sample", help="make a year of bars", description="Make a year of hourly EURUSD-like bars (about 6,200)."
    )
    sample.add_argument("--year", type=int, default=2023)
    sample.add_argument("--seed", type=int, default=7)
    where = sample.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, help="the CSV file to write (default: standard output)")
    where.add_argument("--upload", metavar="URL", nargs="?", const=DEFAULT_API, help="the backend to upload to")
    sample.set_defaults(run=_sample)

    train = commands.add_parser("train", help="train here", description="Train in this process (needs torch).")
    train.add_argument("strategy")
    train.add_argument("output", type=Path, help="the new directory for the model")
    train.add_argument("--start-date")
    train.add_argument("--end-date")
    train.set_defaults(run=_train)
    return parser


def _api(options: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415  see the module's first line

    uvicorn.run("ktrdr.api.main:app", host=options.host, port=options.port)
    return 0


def _worker(_options: argparse.Namespace) -> int:
    from ktrdr.worker.__main__ import main as start  # noqa: PLC0415  see the module's first line

    return start()


def _sample(options: argparse.Namespace) -> int:
    from ktrdr.data.sample import generate, to_csv  # noqa: PLC0415  see the module's first line

    text = to_csv(generate(options.year, seed=options.seed))
    if options.upload:
        from ktrdr.worker.backend import Backend, BackendAwayError, BackendRefusedError  # noqa: PLC0415

        try:
            Backend(options.upload).send("POST", "/data/EURUSD/1h", text.encode(), {"Content-Type": "text/csv"})
        except (BackendAwayError, BackendRefusedError) as error:
            raise OSError(error) from None
        print(f"{text.count(chr(10)) - 1} bars of EURUSD 1h uploaded to {options.upload}")
    elif options.output:
        options.output.write_text(text, encoding="utf-8")
        print(f"{text.count(chr(10)) - 1} bars written to {options.output}")
    else:
        sys.stdout.write(text)
    return 0


def _train(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415  see the module's first line

    from ktrdr import torch_check  # noqa: PLC0415
    from ktrdr.api.services.training.local_orchestrator import LocalOrchestrator  # noqa: PLC0415
    from ktrdr.data.files import DataDirectory  # noqa: PLC0415
    from ktrdr.settings import SHIPPED_STRATEGIES, Settings  # noqa: PLC0415
    from ktrdr.strategy.files import StrategyDirectory  # noqa: PLC0415

    torch_check.require()
    root = Settings.from_environment().data_dir
    options.output.mkdir(parents=True)
    summary = LocalOrchestrator(StrategyDirectory(SHIPPED_STRATEGIES, root / "strategies"), DataDirectory(root)).run(
        options.strategy,
        options.output,
        start_date=options.start_date,
        end_date=options.end_date,
        progress=lambda percentage, step, *_: print(f"{percentage:5.1f} % {step}"),
    )
    print(json.dumps({key: summary[key] for key in ("training_metrics", "test_metrics")}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
