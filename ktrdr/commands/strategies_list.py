"""`ktrdr strategies list`: the strategies."""

import argparse
from typing import Final

from ktrdr.commands.client import Client
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import print_json, print_table

EXAMPLES: Final = """\
examples:
  ktrdr strategies list
  ktrdr strategies list --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List the strategies."""
    found = Client(options.backend).every("/strategies", "strategies")
    if options.json:
        print_json(found)
        return 0
    rows = [
        (
            one["name"],
            "yes" if one["valid"] else f"no, {one['issue_count']} issues",
            ", ".join(one["symbols"]),
            ", ".join(one["timeframes"]),
            one["description"],
        )
        for one in found
    ]
    print_table(("NAME", "VALID", "SYMBOLS", "TIMEFRAMES", "DESCRIPTION"), rows)
    return 0
