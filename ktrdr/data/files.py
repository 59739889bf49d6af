"""The bars on disk: one CSV file per symbol and timeframe, read in ranges, replaced completely or not at all."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from ktrdr.data.bars import Bars, iso
from ktrdr.data.block import bars_of
from ktrdr.data.draft import PREFIX
from ktrdr.data.outline import Outline, outline
from ktrdr.data.placing import PLAIN_WISHES, Outcome, Wishes
from ktrdr.data.resample import source_of
from ktrdr.data.stored import Mark, Stored, seconds
from ktrdr.data.upload import Upload
from ktrdr.disk import sweep
from ktrdr.errors import BadRequestError, InvalidError, NotFoundError, TooManyError
from ktrdr.names import SYMBOL_RULE, TIMEFRAMES, escaped, is_symbol, unescaped

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


@dataclass(frozen=True)
class Page:
    """Bars that follow one another in a series, as lines of an open file: `lines` reads them, `close` it at last.

    `total` is the number of bars in the range of which this is the beginning, `next` the first bar behind the page,
    `version` a text that changes when the series is replaced.
    """

    points: int
    total: int
    next: str | None
    version: str
    lines: Callable[[], Iterator[list[str]]]
    close: Callable[[], None]


class DataDirectory:
    """The directory of `{SYMBOL}_{timeframe}.csv` files. Safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, tuple[tuple[int, int], Stored]] = {}

    def path(self, symbol: str, timeframe: str) -> Path:
        """Return the file of a series; BadRequestError for an impossible name."""
        if not is_symbol(symbol):
            raise BadRequestError("bad_symbol", f"{symbol[:40]!r} cannot be used; {SYMBOL_RULE}.")
        if timeframe not in TIMEFRAMES:
            raise BadRequestError("bad_timeframe", f"A timeframe is one of {', '.join(TIMEFRAMES)}.")
        return self.root / f"{escaped(symbol)}_{timeframe}.csv"

    def series(self) -> list[Series]:
        """Return the stored series by symbol and timeframe; a damaged file hides no other."""
        found = []
        for path in self.root.glob("*_*.csv"):
            name, _, timeframe = path.stem.rpartition("_")
            symbol = unescaped(name)
            if is_symbol(symbol) and timeframe in TIMEFRAMES:
                try:
                    found.append(self.describe(symbol, timeframe))
                except (InvalidError, NotFoundError, OSError) as error:
                    log.warning("%s is left out: %s", path.name, error)
        return sorted(found, key=lambda series: (series.symbol, TIMEFRAMES.index(series.timeframe)))

    def describe(self, symbol: str, timeframe: str) -> Series:
        """Describe one stored series; NotFoundError if nothing is stored, InvalidError for a damaged file."""
        with self._open(symbol, timeframe) as file:
            stored = self._stored(file)
            found = None if stored.complete else outline(file, timeframe)
            if found is None:
                stored.learn(file)
                found = Outline(stored.rows, stored.first, stored.last)
            if not found.rows:
                raise _no_data(symbol, timeframe)
            size = os.fstat(file.fileno()).st_size
            return Series(symbol, timeframe, found.rows, seconds(found.first), seconds(found.last), size)

    def source(self, symbol: str, timeframe: str) -> str:
        """Return the stored timeframe from which a timeframe's bars come: itself, if it is stored.

        Otherwise it is the next finer one that is stored, if there is any.
        """
        if self.path(symbol, timeframe).exists():
            return timeframe
        return source_of(timeframe, [name for name in TIMEFRAMES if self.path(symbol, name).exists()]) or timeframe

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
        page = self.page(symbol, timeframe, start, end, limit)
        with contextlib.closing(page):
            return bars_of([line for lines in page.lines() for line in lines])

    def page(
        self,
        symbol: str,
        timeframe: str,
        start: int | None = None,
        end: int | None = None,
        limit: int | None = None,
        *,
        before: int = 0,
    ) -> Page:
        """Find the first `limit` bars of a range, which begins `before` bars earlier; raises what `read` does."""
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(self._open(symbol, timeframe))
            stored = self._stored(file)
            first = stored.find(file, start) if start is not None else stored.at(file, 0)
            if before:
                first = stored.at(file, max(0, first.row - before))
            last = _end_of(file, stored, end)
            stop = last
            if limit is not None and first.row + limit < last.row:
                stop = stored.at(file, first.row + limit)
            points = max(0, stop.row - first.row)
            status = os.fstat(file.fileno())
            opened.pop_all()
        return Page(
            points,
            max(0, last.row - first.row),
            stop.time if stop.row < last.row else None,
            f"{status.st_mtime_ns:x}-{status.st_size:x}",
            lambda: stored.lines(file, first.offset, stop.offset if points else first.offset),
            file.close,
        )

    def count(self, symbol: str, timeframe: str, start: int | None, end: int | None) -> int:
        """Return how many bars a range has, as fast as one page; raises what `read` does."""
        page = self.page(symbol, timeframe, start, end)
        page.close()
        return page.points

    def bars_before(self, symbol: str, timeframe: str, start: int, count: int) -> int:
        """Return when the bar opens that stands `count` bars before `start`, or the first bar; raises what `read` does.

        `start` itself is returned if no bar is stored before it.
        """
        with self._open(symbol, timeframe) as file:
            stored = self._stored(file)
            place = stored.at(file, max(0, stored.find(file, start).row - count))
            return min(start, seconds(place.time)) if place.time else start

    def upload(self, symbol: str, timeframe: str, wishes: Wishes = PLAIN_WISHES) -> Upload:
        """Begin to store a series; TooManyError if it is new, and SERIES_LIMIT are stored."""
        path = self.path(symbol, timeframe)
        self.root.mkdir(parents=True, exist_ok=True)
        if not path.exists() and sum(1 for _ in self.root.glob("*_*.csv")) >= SERIES_LIMIT:
            message = f"{SERIES_LIMIT} series are stored already: remove files of the data directory that nobody needs."
            raise TooManyError("too_many_series", message, {"at_most": SERIES_LIMIT})
        return Upload(path, timeframe, wishes, self._stored)

    def finish(self, symbol: str, timeframe: str, upload: Upload) -> dict[str, Any]:
        """Store an upload; return the series and what changed, as clients see it. Raises what `Upload.finish` does."""
        outcome: Outcome = upload.finish()
        stored, status = outcome.stored, outcome.status
        self._known[self.path(symbol, timeframe).name] = (status.st_mtime_ns, status.st_size), stored
        series = Series(symbol, timeframe, stored.rows, seconds(stored.first), seconds(stored.last), status.st_size)
        return {**series.as_json(), **outcome.as_json()}

    def sweep(self) -> None:
        """Remove the files of uploads whose process died."""
        sweep(self.root, PREFIX)

    def _open(self, symbol: str, timeframe: str) -> BinaryIO:
        """Open a series; NotFoundError if nothing is stored."""
        path = self.path(symbol, timeframe)
        try:
            return path.open("rb")
        except FileNotFoundError:
            self._known.pop(path.name, None)
            raise _no_data(symbol, timeframe) from None

    def _stored(self, file: BinaryIO) -> Stored:
        """Return what is known of the version of a series that has been opened."""
        path, status = Path(file.name), os.fstat(file.fileno())
        version = status.st_mtime_ns, status.st_size
        known = self._known.get(path.name)
        if known is None or known[0] != version:
            known = self._known[path.name] = version, Stored.of(file, path.stem.rpartition("_")[2])
        return known[1]


def _end_of(file: BinaryIO, stored: Stored, end: int | None) -> Mark:
    """Return where a range ends."""
    if end is not None:
        return stored.find(file, end)
    stored.learn(file)
    return stored.at(file, stored.rows)


def _no_data(symbol: str, timeframe: str) -> NotFoundError:
    message = f"No data for {symbol} {timeframe}; upload it to /api/v1/data/{escaped(symbol)}/{timeframe}."
    return NotFoundError("no_data", message, {"symbol": symbol, "timeframe": timeframe})
