"""The rules for a row of CSV text: on its own, and after the row above it."""

import re
from typing import Final

from ktrdr.data.bars import COLUMNS, HEADER, Bar, parse_time
from ktrdr.data.clock import Clock, DateOrder
from ktrdr.data.layout import PLAIN, Layout
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
_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
NO_VOLUME: Final = ("", "nan", "null", "none", "n/a")
SHOWN: Final = 40


class RowError(ValueError):
    """A row that breaks a rule; the message says which."""


class Rows:
    """Reads the rows below the header of one series, in their order.

    With `either_way` they may run from the newest to the oldest, which the second row decides; `newest_first` tells.
    """

    def __init__(
        self,
        timeframe: str,
        layout: Layout = PLAIN,
        *,
        either_way: bool = False,
        zero_volume: bool = False,
        date_order: DateOrder | None = None,
    ) -> None:
        self.layout = layout
        self.clock: Clock | None = None
        self.above: int | None = None
        self.newest_first: bool | None = None if either_way else False
        self.grid = min(TIMEFRAME_SECONDS[timeframe], QUARTER_S)
        self.nearest = NEAREST_S.get(timeframe, TIMEFRAME_SECONDS[timeframe])
        self._timeframe = timeframe
        self._zero_volume = zero_volume
        self._date_order = date_order

    @property
    def knows_its_form(self) -> bool:
        """Whether the first rows have shown how times are written, and which way they run."""
        return self.clock is not None and self.newest_first is not None

    def read(self, line: str) -> Bar:
        """Return the bar of a line (without its line end); RowError says what is wrong."""
        layout = self.layout
        if not line.isprintable() and (found := _CONTROL.search(line.replace(layout.delimiter, ","))):
            raise RowError(f"holds the control character 0x{ord(found[0]):02x}")
        fields = line.split(layout.delimiter)
        if " " in line:
            fields = [field.strip(" ") for field in fields]
        if '"' in line:
            fields = [field[1:-1] if field[:1] == field[-1:] == '"' != field else field for field in fields]
        if len(fields) != layout.width:
            named = f" ({HEADER})" if layout is PLAIN else ", as the first line has"
            raise RowError(f"has {len(fields)} fields, expected {layout.width}{named}")
        time = self._time(fields[layout.time] + (f" {fields[layout.clock]}" if layout.clock is not None else ""))
        open_, high, low, close = (
            _number(fields[at], name) for at, name in zip(layout.prices, COLUMNS[1:], strict=False)
        )
        bar = Bar(time, open_, high, low, close, self._volume(fields))
        _check_prices(bar)
        self.above = time
        return bar

    def _volume(self, fields: list[str]) -> float:
        if self.layout.volume is None:
            return 0.0
        text = fields[self.layout.volume]
        if text.lower() in NO_VOLUME:
            if self._zero_volume:
                return 0.0
            if not text:
                raise RowError("volume is missing; send missing_volume=zero to store 0")
        return _number(text, "volume")

    def _time(self, text: str) -> int:
        if self.clock is None:
            try:
                self.clock = Clock(text, self._date_order)
            except ValueError as error:
                raise RowError(str(error)) from None
        clock = self.clock
        if self.layout.local and not clock.zoned:
            raise RowError(f"timestamp {text[:SHOWN]!r} has no time zone, and the header says that it is a local time")
        try:
            time = clock.read(text)
        except (ValueError, OverflowError):
            if clock.has_other_zone(text):
                has = "no" if clock.zoned else "a"
                raise RowError(f"timestamp has {has} time zone, unlike the first row's") from None
            raise RowError(f"timestamp {text[:SHOWN]!r} is not {clock.form}") from None
        if not EARLIEST <= time < LATEST:
            raise RowError(f"timestamp lies outside the years {YEARS[0]} to {YEARS[-1]}")
        if time % self.grid:
            raise RowError(f"timestamp is off the grid of {self._timeframe} bars, multiples of {self.grid} s")
        if self.above is not None:
            self._check_order(time, self.above)
        return time

    def _check_order(self, time: int, above: int) -> None:
        if time == above:
            raise RowError("timestamp is duplicate")
        if self.newest_first is None:
            self.newest_first = time < above
        if self.newest_first and time > above:
            raise RowError("timestamp is after the row above, but the first rows run from the newest to the oldest")
        if not self.newest_first and time < above:
            raise RowError("timestamp is before the row above")
        if (apart := abs(time - above)) < self.nearest:
            raise RowError(f"timestamp is {apart} s after the row above, too near for {self._timeframe} bars")


def _number(text: str, name: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lstrip("+-").lower() in {"nan", "inf", "infinity"}:
        raise RowError(f"{name} is not finite")
    mend = "; write a point for the decimal comma" if _DECIMAL_COMMA.fullmatch(text) else ""
    raise RowError(f"{name} {text[:SHOWN]!r} is not a number{mend}")


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
