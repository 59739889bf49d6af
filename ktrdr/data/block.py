"""Reads many rows at once, column by column, in the standard library's fast loops: the common case of good rows.

Every rule of `ktrdr.data.rows` holds here too. Where one is broken, or a row is unusual (quotes, blanks, an empty
volume, a text in a column that is not stored), the block is left to it: it reads row by row and names the mistake.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from operator import add, le, mod, sub
from typing import Final

from ktrdr.data.bars import Bar, Bars, iso
from ktrdr.data.clock import DATE_LENGTH, DAY_S, Clock
from ktrdr.data.rows import EARLIEST, LARGEST_PRICE, LARGEST_VOLUME, LATEST, SMALLEST_PRICE, Rows

ALLOWED: Final = b"0123456789+-.:eETZGMUC /\n"
"""With these characters alone, `float` reads what the rules for numbers allow, and nothing else."""

SHORTEST_EXPONENT: Final = 1e-4
LONGEST: Final = 16
"""A number of at most 15 digits, without an exponent or idle zeros, is written as Python would write it."""
_WRITTEN: Final = re.compile(r"(?:(?:0|[1-9][0-9]*)\.(?:[0-9]*[1-9]|0),)*")

TIME_LENGTH: Final = len("2024-01-05T13:00:00Z")


def read_block(block: bytes, rows: Rows) -> list[str] | None:
    """Return the rows of a block of whole lines (each ends in LF) as a stored series has them, without line ends.

    None if `rows` has to read them one by one. They are counted as read otherwise.
    """
    layout, clock = rows.layout, rows.clock
    if clock is None or not rows.knows_its_form or layout.volume is None:
        return None
    if block.translate(None, ALLOWED + layout.delimiter.encode()):
        return None
    fields = block.decode("ascii").replace("\n", layout.delimiter).split(layout.delimiter)
    fields.pop()
    if len(fields) != layout.width * block.count(b"\n"):
        return None
    width = layout.width
    try:
        times = _times(fields[layout.time :: width], clock, fields, width, layout.clock)
        texts = [fields[place::width] for place in (*layout.prices, layout.volume)]
        columns = [list(map(float, texts_of)) for texts_of in texts]
    except (ValueError, OverflowError):
        return None
    if not _prices_are_right(columns) or not _times_are_right(times, rows):
        return None
    rows.above = times[-1]
    written = [_written(*pair) for pair in zip(texts, columns, strict=True)]
    return list(map(",".join, zip(isos(times), *written, strict=True)))


def line_of(bar: Bar) -> str:
    """Return a bar as a stored series has it, without line end."""
    return ",".join((iso(bar.time), *map(repr, (bar.open, bar.high, bar.low, bar.close, bar.volume))))


def bars_of(lines: Sequence[str]) -> Bars:
    """Return the bars of lines as `read_block` and `line_of` make them."""
    if not lines:
        return Bars()
    fields = ",".join(lines).split(",")
    return Bars(times_of(fields[0::6]), *(list(map(float, fields[place::6])) for place in range(1, 6)))


def times_of(texts: Iterable[str]) -> list[int]:
    """Return the epoch seconds of times as `iso` writes them."""
    clock = _iso_clock()
    return [clock.days[text[:DATE_LENGTH]] + clock.rests[text[DATE_LENGTH:]] for text in texts]


@cache
def _iso_clock() -> Clock:
    return Clock(iso(0))


def _times(texts: list[str], clock: Clock, fields: list[str], width: int, place: int | None) -> list[int]:
    if clock.unit:
        return list(map(clock.of_number, texts))
    if place is not None:
        dates, rests = texts, [" " + text for text in fields[place::width]]
    else:
        dates, rests = [text[:DATE_LENGTH] for text in texts], [text[DATE_LENGTH:] for text in texts]
    return list(map(add, map(clock.days.__getitem__, dates), map(clock.rests.__getitem__, rests)))


def _times_are_right(times: list[int], rows: Rows) -> bool:
    first, last = (times[-1], times[0]) if rows.newest_first else (times[0], times[-1])
    if first < EARLIEST or last >= LATEST or any(map(mod, times, repeat(rows.grid))):
        return False
    above = times[0] if rows.above is None else rows.above
    sign = -1 if rows.newest_first else 1
    if rows.above is not None and sign * (times[0] - above) < rows.nearest:
        return False
    gaps = map(sub, times[1:], times) if sign > 0 else map(sub, times, times[1:])
    return min(gaps, default=rows.nearest) >= rows.nearest


def _prices_are_right(columns: list[list[float]]) -> bool:
    opens, highs, lows, closes, volumes = columns
    return (
        all(map(le, lows, opens))
        and all(map(le, lows, closes))
        and all(map(le, opens, highs))
        and all(map(le, closes, highs))
        and min(lows) >= SMALLEST_PRICE
        and max(highs) <= LARGEST_PRICE
        and min(volumes) >= 0
        and max(volumes) <= LARGEST_VOLUME
    )


def _written(texts: list[str], values: list[float]) -> Iterable[str]:
    """Return numbers as Python writes them: as they stand if they stand so."""
    if max(map(len, texts)) <= LONGEST and _WRITTEN.fullmatch(",".join((*texts, ""))):
        least = min(values)
        if least >= SHORTEST_EXPONENT or (least == 0 and min(filter(None, values), default=1.0) >= SHORTEST_EXPONENT):
            return texts
    return map(repr, values)


class _Days(dict[int, str]):
    def __missing__(self, day: int) -> str:
        text = self[day] = iso(day * DAY_S)[:DATE_LENGTH]
        return text


class _Rests(dict[int, str]):
    def __missing__(self, second: int) -> str:
        text = self[second] = iso(second)[DATE_LENGTH:]
        return text


_DAYS, _RESTS = _Days(), _Rests()
"""At most as many texts as there are days in 400 years and seconds in a day."""


def isos(times: Iterable[int]) -> list[str]:
    """Write epoch seconds as `iso` does, ten times as fast where days recur."""
    return [_DAYS[time // DAY_S] + _RESTS[time % DAY_S] for time in times]
