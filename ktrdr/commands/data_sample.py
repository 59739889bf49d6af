"""`ktrdr data sample`: a year of made bars."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ktrdr.commands.client import LONG_S, Client
from ktrdr.commands.parts import API_URL, DEFAULT_API, url

EXAMPLES: Final = """\
examples:
  ktrdr data sample                             CSV on standard output
  ktrdr data sample --output sample.csv         into a file
  ktrdr data sample --upload                    to the backend on this machine
  ktrdr data sample --year 2024 --seed 11 --upload http://backend:8000
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--year", type=_year, default=2023, help="the year (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same bars (default: %(default)s)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output", type=Path, metavar="FILE", help="the CSV file to write")
    where.add_argument(
        "--upload", type=url, metavar="URL", nargs="?", const=True,
        help=f"the backend to upload to (if none is named: {API_URL}, or {DEFAULT_API})",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Generate the sample year; print, save or upload it."""
    from ktrdr.data.sample import SYMBOL, generate, to_csv  # noqa: PLC0415  not needed for `--help`

    bars = generate(options.year, seed=options.seed)
    text = to_csv(bars)
    if options.upload:
        client = Client(None if options.upload is True else options.upload)
        client.ask("POST", f"/data/{SYMBOL}/1h?replace=true", text.encode(), "text/csv", timeout_s=LONG_S)
        print(f"{len(bars)} bars of {SYMBOL} 1h uploaded to {client.url}")
        print(f"next: ktrdr train mlp_fx_hourly --backend {client.url}")
    elif options.output:
        options.output.write_text(text, encoding="utf-8")
        print(f"{len(bars)} bars written to {options.output}")
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0


def _year(text: str) -> int:
    from ktrdr.data.rows import YEARS  # noqa: PLC0415  not needed for `--help`

    if not text.isdecimal() or int(text) not in YEARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a year from {YEARS[0]} to {YEARS[-1]}")
    return int(text)
