"""The bars on disk: one CSV file a symbol and timeframe, read in ranges, replaced all at once or not at all."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ktrdr.data.bars import Bar, Bars, iso
from ktrdr.data.rows import RowError, Rows
from ktrdr.data.upload import PREFIX, Upload
from ktrdr.errors import BadRequestError, InvalidError, NotFoundError
from ktrdr.leftovers import abandoned
from ktrdr.names import TIMEFRAMES, is_symbol

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Series:
    """What is stored of one symbol and timeframe: first and last bar in epoch seconds, size in bytes."""

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


class DataDirectory:
    """The directory of `{SYMBOL}_{timeframe}.csv` files. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._series: dict[tuple[str, str], tuple[tuple[int, int], Series]] = {}

    def path(self, symbol: str, timeframe: str) -> Path:
        """Return the file of a series; BadRequestError when a name could not be one."""
        if not is_symbol(symbol):
            raise BadRequestError("bad_symbol", "A symbol has at most 20 capitals, digits, dots and hyphens.")
        if timeframe not in TIMEFRAMES:
            raise BadRequestError("bad_timeframe", f"A timeframe is one of {', '.join(TIMEFRAMES)}.")
        return self.root / f"{symbol}_{timeframe}.csv"

    def series(self) -> list[Series]:
        """Return what is stored, by symbol and timeframe; a file that was damaged hides no other."""
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
        """Return what is stored of one series; NotFoundError when nothing is."""
        path = self.path(symbol, timeframe)
        try:
            status = path.stat()
        except FileNotFoundError:
            raise _no_data(symbol, timeframe) from None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._series.get((symbol, timeframe))
        if known is None or known[0] != stamp:
            points, first, last = 0, 0, 0
            with _open(path) as file:
                for bar in _scan(path, file):
                    points, first, last = points + 1, first if points else bar.time, bar.time
            if not points:
                raise _no_data(symbol, timeframe)
            series = Series(symbol, timeframe, points, first, last, status.st_size)
            known = self._series[symbol, timeframe] = (stamp, series)
        return known[1]

    def read(
        self,
        symbol: str,
        timeframe: str,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
    ) -> Bars:
        """Return bars from `start` (included) to `end` (excluded), epoch seconds, at most `limit` of them.

        NotFoundError when nothing is stored, InvalidError when the file breaks the rules, naming the line.
        """
        return self.read_version(symbol, timeframe, start, end, limit)[0]

    def read_version(
        self, symbol: str, timeframe: str, start: int | None, end: int | None, limit: int | None
    ) -> tuple[Bars, str]:
        """Return what `read` does, and a text that is another one when the series has been replaced."""
        bars = Bars()
        path = self.path(symbol, timeframe)
        with _open(path) as file:
            status = os.fstat(file.fileno())
            for bar in _scan(path, file):
                if start is not None and bar.time < start:
                    continue
                if (end is not None and bar.time >= end) or (limit is not None and len(bars) >= limit):
                    break
                bars.append(bar)
        return bars, f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def upload(self, symbol: str, timeframe: str) -> Upload:
        """Begin to replace a series."""
        path = self.path(symbol, timeframe)
        self.root.mkdir(parents=True, exist_ok=True)
        return Upload(path, timeframe)

    def sweep(self) -> None:
        """Remove what uploads left behind when the process died."""
        for path in abandoned(self.root, PREFIX):
            path.unlink(missing_ok=True)


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        symbol, _, timeframe = path.stem.rpartition("_")
        raise _no_data(symbol, timeframe) from None


def _scan(path: Path, file: TextIO) -> Iterator[Bar]:
    rows, number = Rows(path.stem.rpartition("_")[2]), 1
    try:
        next(file, None)
        for line in file:
            number += 1
            yield rows.read(line.rstrip("\n"))
    except RowError as error:
        message = f"{path.name}, line {number}: {error}. Upload the series again."
        raise InvalidError("bad_data_file", message) from None


def _no_data(symbol: str, timeframe: str) -> NotFoundError:
    message = f"No data for {symbol} {timeframe}; upload it to /api/v1/data/{symbol}/{timeframe}."
    return NotFoundError("no_data", message, {"symbol": symbol, "timeframe": timeframe})
