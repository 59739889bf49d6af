"""The rules for a row of CSV text: on its own, and after the row above it."""

import re
from typing import Final

from ktrdr.data.bars import COLUMNS, HEADER, Bar, parse_time
from ktrdr.names import TIMEFRAME_SECONDS

YEARS: Final = range(1800, 2200)
EARLIEST: Final = parse_time(f"{YEARS.start}-01-01")
LATEST: Final = parse_time(f"{YEARS.stop}-01-01")

SMALLEST_PRICE: Final = 1e-9
LARGEST_PRICE: Final = 1e12
LARGEST_VOLUME: Final = 1e18
"""Beyond any market, and small enough that no product in an indicator overflows."""


QUARTER_S: Final = 900
"""Sessions open on a quarter of an hour in every time zone, and so do bars of that length and longer."""

HOUR_S: Final = 3600
NEAREST_S: Final = {"4h": 3 * HOUR_S, "1d": 23 * HOUR_S, "1w": 4 * 24 * HOUR_S}
"""The shortest distance of two openings, where less than a bar: clocks change, and weeks begin after holidays."""

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ZONE: Final = re.compile(r"[+-][0-9]{2}:?[0-9]{2}$")
SHOWN: Final = 40


class RowError(ValueError):
    """A row that breaks a rule; the message says which."""


class Rows:
    """Reads the rows below the header of one series, in their order."""

    def __init__(self, timeframe: str) -> None:
        self._timeframe = timeframe
        self._seconds = TIMEFRAME_SECONDS[timeframe]
        self._grid = min(self._seconds, QUARTER_S)
        self._nearest = NEAREST_S.get(timeframe, self._seconds)
        self._above: int | None = None
        self._zoned: bool | None = None

    def read(self, line: str) -> Bar:
        """Return the bar of a line (without its line end); RowError says what is wrong."""
        if not line.isprintable() and (found := _CONTROL.search(line)):
            raise RowError(f"holds the control character 0x{ord(found[0]):02x}")
        fields = line.split(",")
        if " " in line:
            fields = [field.strip(" ") for field in fields]
        if len(fields) != len(COLUMNS):
            raise RowError(f"has {len(fields)} fields, expected {len(COLUMNS)} ({HEADER})")
        time = self._time(fields[0])
        bar = Bar(time, *map(_number, fields[1:], COLUMNS[1:]))
        _check_prices(bar)
        self._above = time
        return bar

    def _time(self, text: str) -> int:
        try:
            time = parse_time(text)
        except (ValueError, OverflowError):
            raise RowError(f"timestamp {text[:SHOWN]!r} is not ISO 8601, such as 2024-01-05T13:00:00Z") from None
        if not EARLIEST <= time < LATEST:
            raise RowError(f"timestamp lies outside the years {YEARS[0]} to {YEARS[-1]}")
        zoned = text.endswith("Z") or _ZONE.search(text) is not None
        if self._zoned is None:
            self._zoned = zoned
        if zoned != self._zoned:
            raise RowError(f"timestamp has {'a' if zoned else 'no'} time zone, unlike the first row's")
        if time % self._grid:
            raise RowError(f"timestamp is off the grid of {self._timeframe} bars, multiples of {self._grid} s")
        if self._above is not None:
            self._check_order(time, self._above)
        return time

    def _check_order(self, time: int, above: int) -> None:
        if time <= above:
            raise RowError("timestamp is duplicate" if time == above else "timestamp is before the row above")
        if time - above < self._nearest:
            raise RowError(f"timestamp is {time - above} s after the row above, too near for {self._timeframe} bars")


def _number(text: str, name: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lstrip("+-").lower() in {"nan", "inf", "infinity"}:
        raise RowError(f"{name} is not finite")
    raise RowError(f"{name} {text[:SHOWN]!r} is not a number")


def _check_prices(bar: Bar) -> None:
    lowest, highest = min(bar.open, bar.high, bar.low, bar.close), max(bar.open, bar.high, bar.low, bar.close)
    if lowest <= 0:
        raise RowError("a price is not above zero")
    if lowest < SMALLEST_PRICE or highest > LARGEST_PRICE:
        raise RowError(f"a price is not within {SMALLEST_PRICE:g} to {LARGEST_PRICE:g}")
    if not 0 <= bar.volume <= LARGEST_VOLUME:
        raise RowError("volume is negative" if bar.volume < 0 else f"volume is above {LARGEST_VOLUME:g}")
    if bar.high < bar.low:
        raise RowError(f"high {bar.high} is below low {bar.low}")
    if lowest < bar.low or highest > bar.high:
        raise RowError("open or close lies outside low to high")
