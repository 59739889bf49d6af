"""`ktrdr predict`: a model's decisions on the newest bars, by a worker."""

import argparse
from typing import Any, Final

from ktrdr.commands.client import Client, finish, named, warn
from ktrdr.commands.figures import in_percent
from ktrdr.commands.parts import add_backend, add_json, whole
from ktrdr.commands.tables import moment, print_json, print_table

MOST_BARS: Final = 1000
EXAMPLES: Final = """\
examples:
  ktrdr predict mlp_fx_hourly_20260101_120000
  ktrdr predict mlp_fx_hourly_20260101_120000 --symbol GBPUSD --bars 24 --json

The decisions are those of a backtest on these bars. `ktrdr models list` shows
the models. Ctrl-C ends the waiting; the prediction goes on, and a line says how
to cancel it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", help="the model's name, as `ktrdr models list` shows it")
    parser.add_argument("--symbol", metavar="NAME", help="the bars' symbol (default: the one it was trained on)")
    parser.add_argument(
        "--bars", type=whole(1, MOST_BARS, "a number of bars"), default=1, metavar="NUMBER",
        help="how many of the newest (default: %(default)s)",
    )  # fmt: skip
    add_backend(parser, "the backend whose workers compute")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Predict on a worker; show the progress, then what to know of the result, then the decisions."""
    client = Client(options.backend)
    answer = client.post(named("models", options.model, "predict"), {"symbol": options.symbol, "bars": options.bars})
    operation = finish(client, answer["operation_id"])
    if operation is None:
        return 1
    summary = operation["result_summary"]
    warn(summary)
    if options.json:
        print_json({"operation_id": operation["operation_id"], **summary})
    else:
        print_decisions(summary)
    return 0


def print_decisions(summary: dict[str, Any]) -> None:
    """Print the decisions of a prediction's results, the newest last."""
    rows = [
        (moment(one["timestamp"]), str(one["close"]), one["signal"], in_percent(one["confidence"]))
        for one in summary["decisions"]
    ]
    print_table(("OPENS (UTC)", "CLOSE", "SIGNAL", "CONFIDENCE"), rows)
