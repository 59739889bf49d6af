"""Price bars as columns, and their opening times."""

import re
from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
HEADER: Final = ",".join(COLUMNS)

TEXT_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of CSV text that are uploaded at once: a million bars or more."""

BEFORE_LIMIT: Final = 200_000
"""Bars before a range that may be asked for: more than an indicator of the longest period depends on."""

TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
"""A date, or a time of whole seconds, in ISO 8601's long form."""

_TIME: Final = re.compile(TIME_PATTERN.rstrip("$"))


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

    times: MutableSequence[int] = field(default_factory=list)
    opens: MutableSequence[float] = field(default_factory=list)
    highs: MutableSequence[float] = field(default_factory=list)
    lows: MutableSequence[float] = field(default_factory=list)
    closes: MutableSequence[float] = field(default_factory=list)
    volumes: MutableSequence[float] = field(default_factory=list)

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

    def extend(self, later: "Bars") -> None:
        """Add bars after the last one."""
        self.times.extend(later.times)
        self.opens.extend(later.opens)
        self.highs.extend(later.highs)
        self.lows.extend(later.lows)
        self.closes.extend(later.closes)
        self.volumes.extend(later.volumes)

    def between(self, start: int, stop: int) -> "Bars":
        """Return the bars at positions start (included) to stop (excluded)."""
        return Bars(self.times[start:stop], *(column[start:stop] for column in self._values))

    def packed(self) -> "Bars":
        """Return the same bars in columns of 8 bytes a number, where a list takes 32."""
        return Bars(array("q", self.times), *(array("d", column) for column in self._values))

    def rows(self) -> list[list[float]]:
        """Return open, high, low, close, volume of each bar."""
        return [list(row) for row in zip(*self._values, strict=True)]

    @property
    def _values(self) -> tuple[MutableSequence[float], ...]:
        return self.opens, self.highs, self.lows, self.closes, self.volumes


def iso(time: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC, such as 2024-01-05T13:00:00Z."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> int:
    """Read ISO 8601 (no zone means UTC) as epoch seconds; ValueError for anything else."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not ISO 8601")
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
        raise ValueError(f"the range is empty: {start} is not before {end}")
    return first, last
