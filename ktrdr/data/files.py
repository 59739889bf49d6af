"""The bars on disk: one CSV file per symbol and timeframe, read in ranges, replaced completely or not at all."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from ktrdr.data.bars import Bars, iso
from ktrdr.data.marks import Marks, rows_before, scan, time_of
from ktrdr.data.upload import PREFIX, Upload
from ktrdr.disk import abandoned
from ktrdr.errors import BadRequestError, InvalidError, NotFoundError, TooManyError
from ktrdr.names import TIMEFRAMES, is_symbol

log = logging.getLogger(__name__)

SERIES_LIMIT: Final = 2000
"""Symbols and timeframes together: their list is one answer."""


@dataclass(frozen=True)
class Series:
    """The stored bars of one symbol and timeframe: first and last in epoch seconds, size in bytes."""

    symbol: str
    timeframe: str
    points: int
    first: int
    last: int
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "points": self.points,
            "start_date": iso(self.first),
            "end_date": iso(self.last),
            "size_bytes": self.size_bytes,
        }


@dataclass
class _Version:
    """Facts about one version of a file; a new modification time discards them."""

    modified_ns: int
    size_bytes: int
    marks: Marks = field(default_factory=Marks)
    series: Series | None = None


class DataDirectory:
    """The directory of `{SYMBOL}_{timeframe}.csv` files. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._versions: dict[tuple[str, str], _Version] = {}

    def path(self, symbol: str, timeframe: str) -> Path:
        """Return the file of a series; BadRequestError for an impossible name."""
        if not is_symbol(symbol):
            raise BadRequestError("bad_symbol", "A symbol has at most 20 capitals, digits, dots and hyphens.")
        if timeframe not in TIMEFRAMES:
            raise BadRequestError("bad_timeframe", f"A timeframe is one of {', '.join(TIMEFRAMES)}.")
        return self.root / f"{symbol}_{timeframe}.csv"

    def series(self) -> list[Series]:
        """Return the stored series by symbol and timeframe; a damaged file hides no other."""
        found = []
        for path in self.root.glob("*_*.csv"):
            symbol, _, timeframe = path.stem.rpartition("_")
            if is_symbol(symbol) and timeframe in TIMEFRAMES:
                try:
                    found.append(self.describe(symbol, timeframe))
                except (InvalidError, NotFoundError, OSError) as error:
                    log.warning("%s is left out: %s", path.name, error)
        return sorted(found, key=lambda series: (series.symbol, TIMEFRAMES.index(series.timeframe)))

    def describe(self, symbol: str, timeframe: str) -> Series:
        """Describe one stored series; NotFoundError if nothing is stored."""
        with self._open(symbol, timeframe) as (file, version):
            if version.series is None:
                points, first, last = 0, 0, 0
                for bar in scan(file, version.marks):
                    points, first, last = points + 1, first if points else bar.time, bar.time
                if not points:
                    raise _no_data(symbol, timeframe)
                version.series = Series(symbol, timeframe, points, first, last, version.size_bytes)
            return version.series

    def read(
        self,
        symbol: str,
        timeframe: str,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
    ) -> Bars:
        """Return bars from `start` (included) to `end` (excluded), epoch seconds, at most `limit` of them.

        NotFoundError if nothing is stored; InvalidError, naming the line, if the file breaks the rules.
        """
        return self.read_version(symbol, timeframe, start, end, limit)[0]

    def read_version(
        self, symbol: str, timeframe: str, start: int | None, end: int | None, limit: int | None
    ) -> tuple[Bars, str]:
        """Return what `read` does, and a text that changes when the series is replaced."""
        bars = Bars()
        with self._open(symbol, timeframe) as (file, version):
            for bar in scan(file, version.marks, start):
                if (end is not None and bar.time >= end) or (limit is not None and len(bars) >= limit):
                    break
                bars.append(bar)
        return bars, f"{version.modified_ns:x}-{version.size_bytes:x}"

    def count(self, symbol: str, timeframe: str, start: int | None, end: int | None) -> int:
        """Return how many bars `read` would return without a limit, as fast as one page; raises what `read` does."""
        points = self.describe(symbol, timeframe).points
        with self._open(symbol, timeframe) as (file, version):
            first = rows_before(file, version.marks, start) if start is not None else 0
            stop = rows_before(file, version.marks, end) if end is not None else points
        return max(0, stop - first)

    def bars_before(self, symbol: str, timeframe: str, start: int, count: int) -> int:
        """Return when the bar opens that stands `count` bars before `start`, or the first bar; raises what `read` does.

        `start` itself is returned if no bar is stored before it.
        """
        with self._open(symbol, timeframe) as (file, version):
            place = max(0, rows_before(file, version.marks, start) - count)
            return min(start, time_of(file, version.marks, place))

    def upload(self, symbol: str, timeframe: str) -> Upload:
        """Begin to replace a series; TooManyError if it is new, and SERIES_LIMIT are stored."""
        path = self.path(symbol, timeframe)
        self.root.mkdir(parents=True, exist_ok=True)
        if not path.exists() and sum(1 for _ in self.root.glob("*_*.csv")) >= SERIES_LIMIT:
            message = f"{SERIES_LIMIT} series are stored already: remove files of the data directory that nobody needs."
            raise TooManyError("too_many_series", message, {"at_most": SERIES_LIMIT})
        return Upload(path, timeframe)

    def sweep(self) -> None:
        """Remove the files of uploads whose process died."""
        for path in abandoned(self.root, PREFIX):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _open(self, symbol: str, timeframe: str) -> Iterator[tuple[BinaryIO, _Version]]:
        """Open a series, with the known facts about the opened version; NotFoundError if nothing is stored."""
        key = symbol, timeframe
        try:
            file = self.path(symbol, timeframe).open("rb")
        except FileNotFoundError:
            self._versions.pop(key, None)
            raise _no_data(symbol, timeframe) from None
        with file:
            status = os.fstat(file.fileno())
            known = self._versions.get(key)
            if known is None or (known.modified_ns, known.size_bytes) != (status.st_mtime_ns, status.st_size):
                known = self._versions[key] = _Version(status.st_mtime_ns, status.st_size)
            yield file, known


def _no_data(symbol: str, timeframe: str) -> NotFoundError:
    message = f"No data for {symbol} {timeframe}; upload it to /api/v1/data/{symbol}/{timeframe}."
    return NotFoundError("no_data", message, {"symbol": symbol, "timeframe": timeframe})
