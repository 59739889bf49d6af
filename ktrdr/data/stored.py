"""What is known of one version of a series' file: a page of it is found and sent without reading its numbers.

One of some thousand rows is marked. Rows are checked the first time that they are read, from the file's top on. What
is read later lies in the part that has been checked. Most files are written by the backend itself: of them all is
known from the start, and their lines are sent as they stand.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from ktrdr.data.bars import HEADER, iso
from ktrdr.data.block import TIME_LENGTH, line_of, read_block, times_of
from ktrdr.data.rows import EARLIEST, LATEST, RowError, Rows
from ktrdr.errors import InvalidError

EVERY: Final = 4096
"""Rows from one mark to the next: looking for a row splits at most so many, which takes a millisecond."""
TOP: Final = TIME_LENGTH
STEP: Final = 1 << 16
FIRST_ROW: Final = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A row: its bar's opening as `iso` writes it, the bytes before it, its number (counted from 0)."""

    time: str
    offset: int
    row: int


class Stored:
    """One version of a file: `rows`, `offset` (bytes), `first` and `last` are of what has been checked. Thread-safe."""

    def __init__(self, timeframe: str) -> None:
        self.marks: list[Mark] = []
        self.top = self.offset = len(HEADER) + 1
        self.rows = 0
        self.first = self.last = ""
        self.complete = False
        self.plain = True
        """Whether every checked line stands as the backend writes it."""
        self._timeframe = timeframe
        self._reader = Rows(timeframe)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, file: BinaryIO, timeframe: str) -> "Stored":
        """Begin to know a file of which nothing is known."""
        stored = cls(timeframe)
        stored.top = stored.offset = len(file.readline())
        return stored

    def learn(self, file: BinaryIO, *, time: int | None = None, row: int | None = None) -> None:
        """Check rows until one opens at `time` (epoch seconds) or later, or has the number `row`, or the file ends.

        InvalidError, naming the line, if a row breaks the rules.
        """
        wanted = iso(min(max(time, EARLIEST), LATEST)) if time is not None else "~"
        while not self.complete and self.last < wanted and (row is None or self.rows <= row):
            with self._lock:
                if not self.complete:
                    self._step(file)

    def find(self, file: BinaryIO, time: int) -> Mark:
        """Return the first row that opens at a time (epoch seconds) or later; behind the last one, the file's end."""
        self.learn(file, time=time)
        wanted = iso(min(max(time, EARLIEST), LATEST))
        place = bisect_left(self.marks, wanted, key=lambda mark: mark.time)
        return self._near(file, self.marks[max(0, place - 1)], wanted=wanted) if self.marks else self._end()

    def at(self, file: BinaryIO, row: int) -> Mark:
        """Return a row by its number; behind the last one, the file's end."""
        self.learn(file, row=row)
        place = bisect_right(self.marks, row, key=lambda mark: mark.row)
        return self._near(file, self.marks[place - 1], row=row) if place else self._end()

    def lines(self, file: BinaryIO, start: int, stop: int) -> Iterator[list[str]]:
        """Yield the lines from one offset to another, some at a time, as the backend writes them, without ends."""
        file.seek(start)
        while start < stop:
            block = file.read(min(STEP, stop - start))
            if start + len(block) < stop:
                block += file.readline()
            start += len(block)
            yield self._as_written(block)

    def _end(self) -> Mark:
        return Mark("", self.offset, self.rows)

    def _near(self, file: BinaryIO, mark: Mark, *, wanted: str = "", row: int = 0) -> Mark:
        file.seek(mark.offset)
        raw = list(islice(file, min(EVERY + 1, self.rows - mark.row)))
        if wanted:
            lines = self._as_written(b"".join(raw))
            place = bisect_left(lines, wanted)
        else:
            place = min(row - mark.row, len(raw))
            lines = self._as_written(b"".join(raw[place : place + 1]))
            lines = [""] * place + lines
        offset = mark.offset + sum(map(len, raw[:place]))
        return Mark(lines[place][:TOP] if place < len(raw) else "", offset, mark.row + place)

    def _as_written(self, block: bytes) -> list[str]:
        if self.plain:
            return block.decode("ascii").split("\n")[:-1]
        rows = Rows(self._timeframe)
        rows.clock = self._reader.clock
        return _Lines(block, rows).written

    def _step(self, file: BinaryIO) -> None:
        """Check the next rows of a file."""
        file.seek(self.offset)
        block = file.read(STEP)
        block += file.readline()
        if not block:
            self.complete = True
            return
        found = _Lines(block, self._reader)
        if not found.written:
            message = f"{Path(file.name).name}, line {FIRST_ROW + self.rows}: {found.mistake}. Upload the series again."
            raise InvalidError("bad_data_file", message)
        raw = [] if found.plain else [line + b"\n" for line in block.split(b"\n")]
        if found.mistake:  # the rows above it are good; the next step begins with it
            block = b"".join(raw[: len(found.written)])
        for place in range(-self.rows % EVERY, len(found.written), EVERY):
            before = sum(map(len, raw[:place])) if raw else sum(map(len, found.written[:place])) + place
            self.marks.append(Mark(found.written[place][:TOP], self.offset + before, self.rows + place))
        self.plain = self.plain and found.plain
        self.first = self.first or found.written[0][:TOP]
        self.offset += len(block)
        self.rows += len(found.written)
        self.last = found.written[-1][:TOP]


class _Lines:
    """The rows of a block of a stored file, and the first mistake among them, which ends it."""

    def __init__(self, block: bytes, rows: Rows) -> None:
        self.mistake = ""
        found = read_block(block, rows) if rows.clock is not None and block.endswith(b"\n") else None
        self.written: list[str] = found or []
        if found is None:
            self._one_by_one(block, rows)
        self.plain = "\n".join((*self.written, "")).encode() == block

    def _one_by_one(self, block: bytes, rows: Rows) -> None:
        for line in block.removesuffix(b"\n").split(b"\n"):
            try:
                bar = rows.read(line.decode(errors="replace").removesuffix("\r"))
            except RowError as error:
                self.mistake = str(error)
                return
            self.written.append(line_of(bar))


def seconds(time: str) -> int:
    """Return the epoch seconds of a mark's time."""
    return times_of([time])[0]
