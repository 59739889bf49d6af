"""`ktrdr models delete`: remove a model."""

import argparse
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr models delete mlp_fx_hourly_20260101_120000
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", help="the model's name, as `ktrdr models list` shows it")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Remove a model; a backtest that waits for it fails."""
    answer = Client(options.backend).ask("DELETE", named("models", options.model))
    if options.json:
        print_json({"model_path": answer["model_path"]})
    else:
        print(f"{answer['model_path']} is deleted")
    return 0
