"""An upload of a series: CSV text that is checked while it arrives, and stored completely or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from ktrdr.data.bars import HEADER, Bar, iso
from ktrdr.data.rows import RowError, Rows
from ktrdr.disk import flush, hold
from ktrdr.errors import InvalidError

LINE_LIMIT: Final = 512
REJECTED_SHOWN: Final = 100
REJECTED_LIMIT: Final = 1000
"""So many rejected lines, or empty ones, are read: a file with more is hopeless, and refusing it has to be cheap."""
PREFIX: Final = ".upload-"


class _Hopeless(RowError):
    """A mistake after which no further line is read."""


class Upload:
    """Feed it chunks, then `finish`. A context manager; leaving it keeps or removes all.

    The text is UTF-8, with a byte order mark or without; its lines end as the first one does, in LF or CR LF; empty
    lines are allowed at its end. Memory does not grow with it.
    """

    def __init__(self, target: Path, timeframe: str) -> None:
        self._rejected: list[dict[str, Any]] = []
        self._rejected_count = 0
        self._hopeless = False
        self._points = 0
        self._target = target
        self._rows = Rows(timeframe)
        self._rest = b""
        self._line = 0
        self._end = b""
        self._empty = 0
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=target.parent)
        hold(handle)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            with contextlib.suppress(OSError):  # nothing is kept that `finish` did not flush
                self._file.close()
        finally:
            self._temporary.unlink(missing_ok=True)

    def feed(self, chunk: bytes) -> None:
        """Accept the next bytes; lines may be cut anywhere. Mistakes are reported by `finish`, after the whole body."""
        if self._hopeless:
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(line + b"\n")
        if len(self._rest) > LINE_LIMIT:
            self._take(self._rest)

    def finish(self) -> None:
        """Store the series; InvalidError with the rejected lines (the first 100), and nothing changes."""
        if self._rest:
            self._take(self._rest)
        if self._rejected_count:
            first = self._rejected[0]
            more = " and more" * (self._rejected_count == REJECTED_LIMIT)
            message = f"{self._rejected_count} rows{more} rejected, nothing stored."
            message += f" Line {first['line']}: {first['reason']}."
            details = {"rejected": self._rejected, "rejected_count": self._rejected_count}
            raise InvalidError("rows_rejected", message, details)
        if not self._points:
            raise InvalidError("no_rows", f"The file holds no bar; write the header {HEADER} and rows below it.")
        self._file.flush()
        with contextlib.suppress(OSError):
            self._temporary.chmod(0o644)
        os.fsync(self._file.fileno())
        self._temporary.replace(self._target)
        flush(self._target.parent)

    def _take(self, raw: bytes) -> None:
        if self._hopeless:
            return
        self._line += 1
        try:
            self._read(raw)
        except (RowError, UnicodeDecodeError) as error:
            self._rejected_count += 1
            self._hopeless = isinstance(error, _Hopeless) or self._rejected_count == REJECTED_LIMIT
            if len(self._rejected) < REJECTED_SHOWN:
                reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                self._rejected.append({"line": self._line, "reason": reason})

    def _read(self, raw: bytes) -> None:
        if len(raw) > LINE_LIMIT:
            raise _Hopeless(f"is longer than {LINE_LIMIT} bytes")
        content = raw.rstrip(b"\r\n")
        end = raw[len(content) :]
        if self._line == 1:
            self._end = end
            self._read_header(content)
        elif not content.strip():
            self._empty = self._empty or self._line
            if self._line - self._empty >= REJECTED_LIMIT:
                raise _Hopeless(f"comes after more than {REJECTED_LIMIT} empty lines")
        elif self._empty:
            raise _Hopeless(f"comes after line {self._empty}, which is empty")
        elif end not in (self._end, b""):
            raise RowError("does not end as the first line does: one ends in LF, the other in CR LF")
        else:
            self._store(self._rows.read(content.decode()))

    def _read_header(self, content: bytes) -> None:
        try:
            names = content.decode("utf-8-sig").lower().split(",")
        except UnicodeDecodeError:
            names = []
        if [name.strip(" ") for name in names] != HEADER.split(","):
            raise _Hopeless(f"the header is not {HEADER}")
        if self._end not in (b"\n", b"\r\n", b""):
            raise _Hopeless("the header ends neither in LF nor in CR LF")
        self._file.write(HEADER + "\n")

    def _store(self, bar: Bar) -> None:
        self._points += 1
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self._file.write(",".join((iso(bar.time), *map(repr, values))) + "\n")
