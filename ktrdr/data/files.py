"""The bars on disk: one CSV file a symbol and timeframe, read in ranges, replaced all at once or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ktrdr.data.bars import HEADER, Bar, Bars, RowError, iso, parse_row
from ktrdr.errors import BadRequestError, InvalidError, NotFoundError
from ktrdr.names import TIMEFRAMES, is_symbol

LINE_LIMIT: Final = 512
REJECTED_LIMIT: Final = 100
UPLOAD_PREFIX: Final = ".upload-"


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
        """Return what is stored, by symbol and timeframe."""
        found = []
        for path in self.root.glob("*_*.csv"):
            symbol, _, timeframe = path.stem.rpartition("_")
            if is_symbol(symbol) and timeframe in TIMEFRAMES:
                found.append(self.describe(symbol, timeframe))
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
            bars = self.read(symbol, timeframe)
            if not len(bars):
                raise _no_data(symbol, timeframe)
            series = Series(symbol, timeframe, len(bars), bars.times[0], bars.times[-1], status.st_size)
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
        bars = Bars()
        for bar in self._scan(self.path(symbol, timeframe)):
            if start is not None and bar.time < start:
                continue
            if (end is not None and bar.time >= end) or (limit is not None and len(bars) >= limit):
                break
            bars.append(bar)
        return bars

    def _scan(self, path: Path) -> Iterator[Bar]:
        symbol, _, timeframe = path.stem.rpartition("_")
        previous, number = None, 1
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                next(file, None)
                for line in file:
                    number += 1
                    bar = parse_row(line.rstrip("\n").split(","), previous)
                    previous = bar.time
                    yield bar
        except FileNotFoundError:
            raise _no_data(symbol, timeframe) from None
        except RowError as error:
            message = f"{path.name}, line {number}: {error}. Upload the series again."
            raise InvalidError("bad_data_file", message) from None

    def upload(self, symbol: str, timeframe: str) -> "Upload":
        """Begin to replace a series."""
        path = self.path(symbol, timeframe)
        self.root.mkdir(parents=True, exist_ok=True)
        return Upload(path)

    def sweep(self) -> None:
        """Remove what uploads left behind when the process died."""
        for path in self.root.glob(UPLOAD_PREFIX + "*"):
            path.unlink(missing_ok=True)


class Upload:
    """A series on its way in: feed it chunks, then `finish`. A context manager; leaving it keeps or removes all."""

    def __init__(self, target: Path) -> None:
        self.points = 0
        self.rejected: list[dict[str, Any]] = []
        self.rejected_count = 0
        self._target = target
        handle, name = tempfile.mkstemp(prefix=UPLOAD_PREFIX, dir=target.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "w", encoding="utf-8")
        self._rest = b""
        self._line = 0
        self._time: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the CSV text; rows may be cut anywhere."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > LINE_LIMIT:
            raise InvalidError("line_too_long", f"Line {self._line + 1} is longer than {LINE_LIMIT} bytes.")

    def finish(self) -> None:
        """Put the series in place; InvalidError with every rejected line (the first 100), and nothing changes."""
        if self._rest.strip():
            self._take(self._rest)
        if self.rejected_count:
            first = self.rejected[0]
            message = f"{self.rejected_count} rows rejected, nothing stored. Line {first['line']}: {first['reason']}."
            details = {"rejected": self.rejected, "rejected_count": self.rejected_count}
            raise InvalidError("rows_rejected", message, details)
        if not self.points:
            raise InvalidError("no_rows", f"The file holds no bar; expected the header {HEADER} and rows below it.")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._temporary.replace(self._target)
        with contextlib.suppress(OSError):
            self._target.chmod(0o644)

    def _take(self, raw: bytes) -> None:
        self._line += 1
        try:
            text = raw.decode("utf-8-sig" if self._line == 1 else "utf-8").rstrip("\r")
            if self._line == 1:
                self._check_header(text)
            elif text.strip():
                self._store(parse_row(text.split(","), self._time))
        except (RowError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, RowError) else "is not UTF-8"
            self.rejected_count += 1
            if len(self.rejected) < REJECTED_LIMIT:
                self.rejected.append({"line": self._line, "reason": reason})

    def _check_header(self, text: str) -> None:
        if [name.strip().lower() for name in text.split(",")] != HEADER.split(","):
            raise RowError(f"the header is not {HEADER}")
        self._file.write(HEADER + "\n")

    def _store(self, bar: Bar) -> None:
        self._time = bar.time
        self.points += 1
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self._file.write(",".join((iso(bar.time), *map(repr, values))) + "\n")


def _no_data(symbol: str, timeframe: str) -> NotFoundError:
    message = f"No data for {symbol} {timeframe}; upload it to /api/v1/data/{symbol}/{timeframe}."
    return NotFoundError("no_data", message, {"symbol": symbol, "timeframe": timeframe})
