"""Arguments that several commands share, and how they are read."""

import argparse
import os
from collections.abc import Callable
from typing import Final

from ktrdr.errors import SettingError

DEFAULT_API: Final = "http://127.0.0.1:8000"
API_URL: Final = "KTRDR_API_URL"
SCHEMES: Final = ("http://", "https://")


def add_backend(parser: argparse._ActionsContainer, what: str = "the backend") -> None:
    """Add --backend, whose default is KTRDR_API_URL."""
    parser.add_argument(
        "--backend", type=url, metavar="URL", default=None, help=f"{what} (default: {API_URL}, or {DEFAULT_API})"
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")


def add_dates(parser: argparse._ActionsContainer) -> None:
    """Add --start-date and --end-date."""
    parser.add_argument(
        "--start-date", type=date, metavar="DATE", help="the first day, such as 2023-01-01 (default: all)"
    )
    parser.add_argument("--end-date", type=date, metavar="DATE", help="the last day (default: all)")


def address(given: str | None) -> str:
    """Return the address of the backend: the given one, that of KTRDR_API_URL, or this machine's.

    SettingError names the setting if it is no address.
    """
    found = given or os.environ.get(API_URL) or DEFAULT_API
    if not found.startswith(SCHEMES):
        raise SettingError(f"{API_URL} is {found!r}; write a URL such as {DEFAULT_API}")
    return found.rstrip("/").removesuffix("/api/v1")


def url(text: str) -> str:
    """Read the address of a backend."""
    if not text.startswith(SCHEMES):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address; write it like {DEFAULT_API}")
    return text


def date(text: str) -> str:
    """Read a date."""
    from ktrdr.data.bars import parse_time  # noqa: PLC0415  not needed for `--help`

    try:
        parse_time(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write it like 2023-01-01") from None
    return text


def share(text: str) -> float:
    """Read a share, from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1, such as 0.0001 for 0.01 %")
    return value


def whole(least: int, most: int, what: str) -> Callable[[str], int]:
    """Return a reader of whole numbers between two bounds, both included."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {least} to {most}")
        return int(text)

    return read
