"""`ktrdr strategies delete`: remove a strategy."""

import argparse
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr strategies delete mine
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Remove a strategy that has no models and was not shipped."""
    answer = Client(options.backend).ask("DELETE", named("strategies", options.strategy))
    if options.json:
        print_json({"strategy_name": answer["strategy_name"]})
    else:
        print(f"{answer['strategy_name']} is deleted")
    return 0
