"""`ktrdr backtest`: a backtest on a worker."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from ktrdr.commands.client import Client, finish, named, warn
from ktrdr.commands.figures import beside, of_backtest
from ktrdr.commands.parts import add_backend, add_dates, add_json, share
from ktrdr.commands.tables import print_json, print_pairs

KINDS: Final = ("trades", "equity")
EXAMPLES: Final = """\
examples:
  ktrdr backtest mlp_fx_hourly EURUSD-SAMPLE 1h --start-date 2023-11-01
  ktrdr backtest mlp_fx_hourly EURUSD-SAMPLE 1h --commission 0.0002 --json
  ktrdr backtest mlp_fx_hourly EURUSD-SAMPLE 1h --csv november

Let the range begin after the training's: a model shines on bars that it has
seen. Ctrl-C ends the waiting; the backtest goes on, and a line says how to
cancel it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    parser.add_argument("symbol", help="the bars' symbol, such as EURUSD")
    parser.add_argument("timeframe", help="the model's finest timeframe, such as 1h")
    parser.add_argument("--model", metavar="NAME", help="the model (default: the strategy's newest)")
    add_dates(parser)
    parser.add_argument("--capital", type=float, metavar="MONEY", help="to begin with (default: 100,000)")
    for name, default in (("commission", "0.0001"), ("slippage", "0.00005")):
        parser.add_argument(
            f"--{name}", type=share, metavar="SHARE", help=f"of the traded value, at each fill (default: {default})"
        )
    add_csv(parser)
    add_backend(parser, "the backend whose workers compute")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Backtest on a worker; show the progress, then what to know of the result, then the metrics."""
    client = Client(options.backend)
    body = {
        "strategy_name": options.strategy,
        "symbol": options.symbol,
        "timeframe": options.timeframe,
        "start_date": options.start_date,
        "end_date": options.end_date,
        "model_path": options.model,
    }
    costs = {"initial_capital": options.capital, "commission": options.commission, "slippage": options.slippage}
    body |= {key: value for key, value in costs.items() if value is not None}
    operation = finish(client, client.post("/backtests/start", body)["operation_id"])
    if operation is None:
        return 1
    summary = operation["result_summary"]
    warn(summary)
    if options.csv:
        save(client, operation["operation_id"], options.csv)
    if options.json:
        print_json({"operation_id": operation["operation_id"], **brief(summary)})
    else:
        print_pairs(figures_of(client, summary))
    return 0


def add_csv(parser: argparse.ArgumentParser) -> None:
    """Add --csv."""
    parser.add_argument(
        "--csv", type=Path, metavar="DIR", help="also write every trade and the equity at every bar to files in DIR"
    )


def save(client: Client, operation_id: str, folder: Path) -> None:
    """Write the records of a backtest to two files; say which."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        file = folder / f"{operation_id}.{kind}.csv"
        client.save(named("operations", operation_id, kind) + "?format=csv", file)
        print(f"ktrdr: {file}", file=sys.stderr)


def brief(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a backtest's results without its trades and its curve."""
    return {key: value for key, value in summary.items() if key not in ("trades", "equity_curve")}


def figures_of(client: Client, summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what to print of a backtest's results, with its model's accuracy if the model is still there."""
    pairs = [("model", summary["model_path"])]
    model = client.find(named("models", summary["model_path"].removeprefix("models/")))
    if model is not None:
        pairs.append(("its test accuracy", beside(model["model"]["metrics"].get("test_metrics", {}))))
    return pairs + of_backtest(summary["metrics"])
