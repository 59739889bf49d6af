"""Price bars as columns, and the rules a row has to keep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
HEADER: Final = ",".join(COLUMNS)
SMALLEST_PRICE: Final = 1e-9
LARGEST_PRICE: Final = 1e12
LARGEST_VOLUME: Final = 1e18
"""Beyond any market, and no product of what indicators compute leaves the floating-point numbers."""


class RowError(ValueError):
    """A row that breaks a rule; the message says which."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `time` is its opening in epoch seconds (UTC), prices in the quote currency."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(slots=True)
class Bars:
    """Bars of one symbol and timeframe, ascending in time; six columns of one length."""

    times: list[int] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def append(self, bar: Bar) -> None:
        """Add a bar after the last one."""
        self.times.append(bar.time)
        self.opens.append(bar.open)
        self.highs.append(bar.high)
        self.lows.append(bar.low)
        self.closes.append(bar.close)
        self.volumes.append(bar.volume)

    def between(self, start: int, stop: int) -> "Bars":
        """Return the bars at positions start (included) to stop (excluded)."""
        return Bars(
            self.times[start:stop],
            self.opens[start:stop],
            self.highs[start:stop],
            self.lows[start:stop],
            self.closes[start:stop],
            self.volumes[start:stop],
        )

    def rows(self) -> list[list[float]]:
        """Return open, high, low, close, volume of each bar."""
        columns = (self.opens, self.highs, self.lows, self.closes, self.volumes)
        return [list(row) for row in zip(*columns, strict=True)]


def iso(time: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC, such as 2024-01-05T13:00:00Z."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> int:
    """Read ISO 8601 (no zone means UTC) as epoch seconds; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def parse_range(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Read a range as epoch seconds, start included and end excluded; a date as the end includes its whole day.

    ValueError where a date cannot be read or the range is empty.
    """
    first = parse_time(start) if start else None
    last = None
    if end:
        is_date = len(end) == len("2024-01-05")
        last = parse_time(end) + int(timedelta(days=1).total_seconds() if is_date else 1)
    if first is not None and last is not None and first >= last:
        msg = f"the range is empty: {start} is not before {end}"
        raise ValueError(msg)
    return first, last


def parse_row(fields: Sequence[str], previous_time: int | None) -> Bar:
    """Check one row (six texts); RowError says what is wrong with it."""
    if len(fields) != len(COLUMNS):
        raise RowError(f"has {len(fields)} fields, expected {len(COLUMNS)} ({HEADER})")
    try:
        time = parse_time(fields[0].strip())
    except (ValueError, OverflowError):
        raise RowError(f"timestamp {fields[0][:40]!r} is not ISO 8601") from None
    if previous_time is not None and time <= previous_time:
        raise RowError("timestamp is duplicate" if time == previous_time else "timestamp is before the row above")
    values = []
    for name, text in zip(COLUMNS[1:], fields[1:], strict=True):
        try:
            value = float(text)
        except ValueError:
            raise RowError(f"{name} {text[:40]!r} is not a number") from None
        if not math.isfinite(value):
            raise RowError(f"{name} is not finite")
        values.append(value)
    bar = Bar(time, *values)
    _check_prices(bar)
    return bar


def _check_prices(bar: Bar) -> None:
    if min(bar.open, bar.high, bar.low, bar.close) <= 0:
        raise RowError("a price is not above zero")
    if bar.low < SMALLEST_PRICE or bar.high > LARGEST_PRICE:
        raise RowError(f"a price is not within {SMALLEST_PRICE:g} to {LARGEST_PRICE:g}")
    if not 0 <= bar.volume <= LARGEST_VOLUME:
        raise RowError("volume is negative" if bar.volume < 0 else f"volume is above {LARGEST_VOLUME:g}")
    if bar.high < bar.low:
        raise RowError(f"high {bar.high} is below low {bar.low}")
    if not bar.low <= min(bar.open, bar.close) or not max(bar.open, bar.close) <= bar.high:
        raise RowError("open or close lies outside low to high")
