"""Prints results: tables that fit the terminal and stay whole in a pipe, or JSON."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

GAP: Final = "  "
SHORTEST: Final = 8
"""Characters: no column is cut to fewer."""


def print_json(document: Any) -> None:
    """Print a document as JSON."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below headings; columns of numbers are aligned at the right.

    On a terminal the widest columns are cut until the table fits, but never the first, which names the row. In a pipe
    nothing is cut.
    """
    given = [list(row) for row in rows]
    cells = [[text(value) for value in row] for row in given]
    numeric = [bool(given) and all(_is_number(row[place]) for row in given) for place in range(len(headings))]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    if sys.stdout.isatty():
        _narrow(widths, shutil.get_terminal_size().columns)
    for row in (headings, *cells):
        shown = (_cut(value, width) for value, width in zip(row, widths, strict=True))
        aligned = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(shown, widths, numeric, strict=True)
        )
        print(GAP.join(aligned).rstrip())


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    shown = [(name, text(value)) for name, value in pairs]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:{width}}{GAP}{value}".rstrip())


def text(value: object) -> str:
    """Write a value for people: whole numbers with separators, others with up to 4 decimal places, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.0001 or not value else f"{value:.4g}"  # noqa: PLR2004
    return ", ".join(map(text, value)) if isinstance(value, list) else str(value)


def moment(given: str | None) -> str | None:
    """Shorten an ISO 8601 moment in UTC to the minute."""
    return given[:16].replace("T", " ") if given else None


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _narrow(widths: list[int], columns: int) -> None:
    while sum(widths) + len(GAP) * (len(widths) - 1) > columns and max(widths[1:]) > SHORTEST:
        widths[widths.index(max(widths[1:]), 1)] -= 1


def _cut(value: str, width: int) -> str:
    return value if len(value) <= width else f"{value[: width - 1]}…"
