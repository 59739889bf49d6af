"""`ktrdr operations results`: what an operation has brought."""

import argparse
from typing import Any, Final

from ktrdr.commands.backtest import add_csv, brief, figures_of, save
from ktrdr.commands.client import Client, named, warn
from ktrdr.commands.figures import of_training
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.predict import print_decisions
from ktrdr.commands.tables import print_json, print_pairs

EXAMPLES: Final = """\
examples:
  ktrdr operations results op_backtesting_20260101_120000_0123abcd
  ktrdr operations results op_backtesting_20260101_120000_0123abcd --csv x
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("operation", help="the id of a completed operation")
    add_csv(parser)
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print an operation's results: warnings first, then figures."""
    client = Client(options.backend)
    answer = client.get(named("operations", options.operation, "results"))
    summary: dict[str, Any] = answer["results"] or {}
    warn(summary)
    if options.csv:
        save(client, options.operation, options.csv)
    if options.json:
        print_json(brief(summary))
    elif answer["operation_type"] == "backtesting":
        print_pairs(figures_of(client, summary))
    elif answer["operation_type"] == "training":
        metrics = (summary.get(key, {}) for key in ("training_metrics", "test_metrics"))
        print_pairs([("model", summary.get("model_path")), *of_training(*metrics)])
    elif answer["operation_type"] == "prediction":
        print_decisions(summary)
    else:
        print_pairs(summary.items())
    return 0
