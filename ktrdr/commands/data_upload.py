"""`ktrdr data upload`: bars from a file."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from ktrdr.commands.client import LONG_S, Client, series_path
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import moment, print_json

STANDARD_INPUT: Final = "-"
EXAMPLES: Final = """\
examples:
  ktrdr data upload EURUSD 1h EURUSD_1h.csv
  ktrdr data upload EURUSD 1h - <EURUSD_1h.csv
  ktrdr data upload BTC/USDT 1m 2024.csv --append

The text may be of pandas, yfinance, MetaTrader 4 and 5, or Dukascopy. Stored
bars never go or change without --replace.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("symbol", help="the series' symbol, such as EURUSD")
    parser.add_argument("timeframe", help="its timeframe, such as 1h")
    parser.add_argument("file", help="the CSV file with the bars; - means standard input")
    parser.add_argument("--append", action="store_true", help="add the bars to those stored; parts may overlap")
    parser.add_argument("--replace", action="store_true", help="let stored bars go or change")
    parser.add_argument(
        "--missing-volume", choices=("refuse", "zero"), default="refuse",
        help="what to do where the text has no volume: zero stores 0 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--date-order", choices=("day_first", "month_first"), help="how dates with slashes are written")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Upload bars; say what is stored."""
    client, path = Client(options.backend), series_path(options.symbol, options.timeframe) + _wishes(options)
    if options.file == STANDARD_INPUT:
        answer = client.ask("POST", path, sys.stdin.buffer, "text/csv", timeout_s=LONG_S)
    else:
        with Path(options.file).open("rb") as file:
            _require_short(options.file, os.fstat(file.fileno()).st_size)
            answer = client.ask("POST", path, file, "text/csv", timeout_s=LONG_S)
    series = answer["data"]
    if options.json:
        print_json(series)
    else:
        print(f"{series['symbol']} {series['timeframe']}: {series['points']:,} bars are stored,"
              f" {moment(series['start_date'])} to {moment(series['end_date'])} UTC")  # fmt: skip
        print(f"{series['bars_added']:,} added, {series['bars_changed']:,} changed, {series['bars_removed']:,} removed")
        for note in series["notes"]:
            print(f"ktrdr: {note}", file=sys.stderr)
    return 0


def _require_short(name: str, size: int) -> None:
    """Raise ValueError for a file that the backend would refuse: it breaks off the sending, and no answer arrives."""
    from ktrdr.data.bars import TEXT_LIMIT  # noqa: PLC0415  not needed for `--help`

    if size > TEXT_LIMIT:
        raise ValueError(
            f"{name} has {size / 2**20:,.0f} MiB, {TEXT_LIMIT // 2**20} MiB are uploaded at once: split it into"
            " files of a million rows, each with the header, and upload them one after another with --append"
        )


def _wishes(options: argparse.Namespace) -> str:
    wishes = {"missing_volume": options.missing_volume}
    wishes |= {name: "true" for name in ("append", "replace") if getattr(options, name)}
    wishes |= {"date_order": options.date_order} if options.date_order else {}
    return "?" + "&".join(f"{name}={value}" for name, value in wishes.items())
