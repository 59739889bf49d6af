"""An upload of a series: CSV text that is checked while it arrives, and stored completely or not at all."""

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from ktrdr.data.bars import HEADER
from ktrdr.data.block import line_of, read_block
from ktrdr.data.draft import Draft
from ktrdr.data.layout import HeaderError, first_line, layout_of
from ktrdr.data.placing import PLAIN_WISHES, Outcome, Wishes, place
from ktrdr.data.rows import RowError, Rows
from ktrdr.data.stored import Stored
from ktrdr.errors import InvalidError

LINE_LIMIT: Final = 512
STEP: Final = 1 << 16
REJECTED_SHOWN: Final = 100
REJECTED_LIMIT: Final = 1000
"""So many rejected lines, or empty ones, are read: a file with more is hopeless, and refusing it has to be cheap."""


class _Hopeless(RowError):
    """A mistake after which no further line is read."""


class Upload:
    """Feed it chunks, then `finish`. A context manager; leaving it keeps or removes all.

    The text is UTF-8, with a byte order mark or without; its lines end as the first one does, in LF or CR LF; empty
    lines are allowed at its end. Memory does not grow with it.
    """

    def __init__(
        self,
        target: Path,
        timeframe: str,
        wishes: Wishes = PLAIN_WISHES,
        know: Callable[[BinaryIO], Stored] | None = None,
    ) -> None:
        self._rejected: list[dict[str, Any]] = []
        self._rejected_count = 0
        self._hopeless = False
        self._timeframe = timeframe
        self._wishes = wishes
        self._know = know or partial(Stored.of, timeframe=timeframe)
        self._rows = Rows(timeframe)
        self._rest = b""
        self._line = 0
        self._skipped = 0
        self._end = b""
        self._empty = 0
        self._open = contextlib.ExitStack()
        self.draft = self._open.enter_context(Draft(target, timeframe))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def feed(self, chunk: bytes) -> None:
        """Accept the next bytes; lines may be cut anywhere. Mistakes are reported by `finish`, after the whole body."""
        if self._hopeless:
            return
        whole, end, self._rest = (self._rest + chunk).rpartition(b"\n")
        whole, begin = whole + end, 0
        while begin < len(whole):
            size = STEP if self._rows.knows_its_form else 1
            stop = (whole.rfind(b"\n", begin, begin + size) if size > 1 else -1) + 1
            stop = stop or whole.index(b"\n", begin) + 1
            block, begin = whole[begin:stop], stop
            if not self._take_block(block):
                for line in block[:-1].split(b"\n"):
                    self._take(line + b"\n")
        if len(self._rest) > LINE_LIMIT:
            self._take(self._rest)

    def finish(self) -> Outcome:
        """Store the series.

        InvalidError with the rejected lines (the first 100), ConflictError if stored bars would go or change without
        the wish to replace them; then nothing changes.
        """
        if self._rest:
            self._take(self._rest)
        if self._rejected_count:
            raise self._refusal()
        if not self.draft.stored.rows:
            raise InvalidError("no_rows", f"The file holds no bar; write the header {HEADER} and rows below it.")
        if self._rows.newest_first:
            self.draft = self._open.enter_context(self.draft.turned())
        self.draft.flush()
        return place(self.draft, self._wishes, self._know, self._rows.layout.notes)

    def _refusal(self) -> InvalidError:
        first = self._rejected[0]
        more = " and more" * (self._rejected_count == REJECTED_LIMIT)
        rows = "row" if self._rejected_count == 1 else "rows"
        message = f"{self._rejected_count} {rows}{more} rejected, nothing stored."
        message += f" Line {first['line']}: {first['reason']}."
        details = {"rejected": self._rejected, "rejected_count": self._rejected_count}
        return InvalidError("rows_rejected", message, details)

    def _take_block(self, block: bytes) -> bool:
        """Take whole lines at once if they are as most are; return whether they were."""
        if self._empty or self._line < 1 + self._skipped:
            return False
        if self._end == b"\r\n":
            if block.count(b"\r\n") != block.count(b"\n") or block.count(b"\r") != block.count(b"\n"):
                return False
            block = block.replace(b"\r\n", b"\n")
        lines = read_block(block, self._rows)
        if lines is None:
            return False
        self._line += len(lines)
        self.draft.add(lines)
        return True

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
            if self._rows.layout.header:
                return
        if self._line <= 1 + self._skipped:
            return
        if not content.strip():
            self._empty = self._empty or self._line
            if self._line - self._empty >= REJECTED_LIMIT:
                raise _Hopeless(f"comes after more than {REJECTED_LIMIT} empty lines")
        elif self._empty:
            raise _Hopeless(f"comes after line {self._empty}, which is empty")
        elif end not in (self._end, b""):
            raise RowError("does not end as the first line does: one ends in LF, the other in CR LF")
        else:
            text = content.decode("utf-8-sig" if self._line == 1 else "utf-8")
            self.draft.add([line_of(self._rows.read(text))])

    def _read_header(self, content: bytes) -> None:
        try:
            layout = layout_of(first_line(content), zero_volume=self._wishes.zero_volume)
        except HeaderError as error:
            raise _Hopeless(str(error)) from None
        if self._end not in (b"\n", b"\r\n", b""):
            raise _Hopeless("the header ends neither in LF nor in CR LF")
        self._skipped = layout.skipped if layout.header else -1
        wishes = self._wishes
        self._rows = Rows(
            self._timeframe, layout, either_way=True, zero_volume=wishes.zero_volume, date_order=wishes.date_order
        )
