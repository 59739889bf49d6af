"""`ktrdr strategies show`: one strategy, with every default filled in."""

import argparse
import sys
from typing import Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json

EXAMPLES: Final = """\
examples:
  ktrdr strategies show mlp_fx_hourly           YAML, all defaults filled in
  ktrdr strategies show mlp_fx_hourly >mine.yaml
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("strategy", help="the strategy's name, such as mlp_fx_hourly")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print a strategy as YAML or JSON."""
    strategy = Client(options.backend).get(named("strategies", options.strategy))["strategy"]
    if options.json:
        print_json(strategy)
        return 0
    import yaml  # noqa: PLC0415  not needed for `--help`

    yaml.safe_dump(strategy, sys.stdout, sort_keys=False, allow_unicode=True)
    return 0
