"""`ktrdr data list`: the stored series."""

import argparse
from typing import Final

from ktrdr.commands.client import Client
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import moment, print_json, print_table

EXAMPLES: Final = """\
examples:
  ktrdr data list
  ktrdr data list --json --backend http://backend:8000
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """List the stored series."""
    series = Client(options.backend).get("/data/info")["data"]["series"]
    if options.json:
        print_json(series)
        return 0
    rows = [
        (one["symbol"], one["timeframe"], one["points"], moment(one["start_date"]), moment(one["end_date"]))
        for one in series
    ]
    print_table(("SYMBOL", "TIMEFRAME", "BARS", "FIRST (UTC)", "LAST (UTC)"), rows)
    return 0
