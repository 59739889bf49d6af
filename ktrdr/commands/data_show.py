"""`ktrdr data show`: one stored series, and its bars."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any, Final

from ktrdr.commands.client import Client, series_path
from ktrdr.commands.parts import add_backend, add_dates, add_json, whole
from ktrdr.commands.tables import moment, print_json, print_pairs, print_table

NEWEST: Final = 10
PAGE: Final = 20_000
HEADER: Final = "timestamp,open,high,low,close,volume"
EXAMPLES: Final = """\
examples:
  ktrdr data show EURUSD 1h                     its newest bars
  ktrdr data show EURUSD 1h --bars 100 --json
  ktrdr data show EURUSD 1h --start-date 2023-06-01 --csv >since_june.csv
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("symbol", help="the series' symbol, such as EURUSD")
    parser.add_argument("timeframe", help="its timeframe, such as 1h")
    add_dates(parser)
    parser.add_argument(
        "--bars", type=whole(1, 1000, "a number"), default=NEWEST,
        help="how many of the newest bars of the range to show (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--csv", action="store_true", help="print all bars of the range as CSV, and nothing else")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Describe a series and show its newest bars, or print all bars as CSV."""
    client = Client(options.backend)
    if options.csv:
        print(HEADER)
        for row in _bars(client, options):
            print(",".join(map(str, row)))
        sys.stdout.flush()
        return 0
    body = {"symbol": options.symbol, "timeframe": options.timeframe}
    series = client.post("/data/range", body)["data"]
    newest = _newest(client, options, series)
    if options.json:
        print_json({**series, "bars": [list(row) for row in newest]})
        return 0
    print_pairs(
        (
            ("series", f"{series['symbol']} {series['timeframe']}"),
            ("bars", series["points"]),
            ("first", f"{moment(series['start_date'])} UTC"),
            ("last", f"{moment(series['end_date'])} UTC"),
            ("bytes", series["size_bytes"]),
        )
    )
    print()
    print_table(("OPENS (UTC)", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"),
                [(moment(time), *map(str, prices)) for time, *prices in newest])  # fmt: skip
    return 0


def _newest(client: Client, options: argparse.Namespace, series: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the newest bars of the range: those before its end."""
    end = options.end_date or series["end_date"]
    query = {"start_date": end, "before": options.bars, "end_date": options.end_date, "limit": options.bars + PAGE}
    found = list(_rows(client.get(series_path(options.symbol, options.timeframe), **query)["data"]))
    since = options.start_date or ""
    return [row for row in found if row[0] >= since][-options.bars :]


def _bars(client: Client, options: argparse.Namespace) -> Iterator[tuple[Any, ...]]:
    """Yield all bars of the range, page by page."""
    path = series_path(options.symbol, options.timeframe)
    query = {"start_date": options.start_date, "end_date": options.end_date, "limit": PAGE}
    version = None
    while True:
        data = client.get(path, **query)["data"]
        if version not in (None, data["metadata"]["version"]):
            raise ValueError(f"{options.symbol} {options.timeframe} was replaced while it was read; read it again")
        yield from _rows(data)
        version, following = data["metadata"]["version"], data["metadata"]["next_start"]
        if following is None:
            return
        query["start_date"] = following


def _rows(data: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for time, row in zip(data["dates"], data["ohlcv"], strict=True):
        yield (time, *row)
