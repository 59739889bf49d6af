"""`ktrdr data upload`: bars from a file."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ktrdr.commands.client import LONG_S, Client, named
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import moment, print_json

STANDARD_INPUT: Final = "-"
EXAMPLES: Final = """\
examples:
  ktrdr data upload EURUSD 1h EURUSD_1h.csv
  ktrdr data upload EURUSD 1h - <EURUSD_1h.csv
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("symbol", help="the series' symbol, such as EURUSD")
    parser.add_argument("timeframe", help="its timeframe, such as 1h")
    parser.add_argument("file", help="the CSV file with the bars; - means standard input")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Upload bars; say what is stored."""
    client, path = Client(options.backend), named("data", options.symbol, options.timeframe)
    if options.file == STANDARD_INPUT:
        answer = client.ask("POST", path, sys.stdin.buffer, "text/csv", timeout_s=LONG_S)
    else:
        with Path(options.file).open("rb") as file:
            answer = client.ask("POST", path, file, "text/csv", timeout_s=LONG_S)
    series = answer["data"]
    if options.json:
        print_json(series)
    else:
        print(f"{series['symbol']} {series['timeframe']}: {series['points']:,} bars are stored,"
              f" {moment(series['start_date'])} to {moment(series['end_date'])} UTC")  # fmt: skip
    return 0
