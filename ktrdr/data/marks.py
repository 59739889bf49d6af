"""Positions of rows in a series' file: one of some thousand rows is marked, so that reading can begin near any time."""

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import BinaryIO, Final

from ktrdr.data.bars import Bar
from ktrdr.data.rows import EARLIEST, LATEST, RowError, Rows
from ktrdr.errors import InvalidError

EVERY: Final = 4096
"""Rows from one mark to the next. A read parses at most so many in vain, which takes some 20 ms."""

FIRST_ROW: Final = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A row: its bar's opening (epoch seconds), the bytes before it, its line number (the header's is 1)."""

    time: int
    offset: int
    line: int


class Marks:
    """The marked rows of one version of a file, as far as it has been read. Thread-safe."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._lock = threading.Lock()

    def add(self, mark: Mark) -> None:
        """Add a mark, unless it or a later one is known."""
        with self._lock:
            if not self._marks or mark.line > self._marks[-1].line:
                self._marks.append(mark)

    def before(self, time: int | None) -> Mark | None:
        """Return the last mark at or before a time (epoch seconds; None means the beginning), if there is one."""
        if time is None:
            return None
        with self._lock:
            place = bisect_right(self._marks, time, key=lambda mark: mark.time)
            return self._marks[place - 1] if place else None

    def at(self, line: int) -> Mark | None:
        """Return the last mark at or before a line, if there is one."""
        with self._lock:
            place = bisect_right(self._marks, line, key=lambda mark: mark.line)
            return self._marks[place - 1] if place else None


def scan(file: BinaryIO, marks: Marks, start: int | None = None) -> Iterator[Bar]:
    """Yield the bars of a series' file from `start` (epoch seconds) on, and mark rows that have not been read before.

    InvalidError, naming the line, if a row breaks the rules. All rows before a mark have been read and are valid,
    so starting there finds the same mistakes as starting at the top.
    """
    path = Path(file.name)
    rows = Rows(path.stem.rpartition("_")[2])
    mark = marks.before(start) or _top(file)
    offset = file.seek(mark.offset)
    try:
        for number, line in enumerate(file, mark.line):
            bar = rows.read(line.decode(errors="replace").removesuffix("\n").removesuffix("\r"))
            if number % EVERY == FIRST_ROW:
                marks.add(Mark(bar.time, offset, number))
            offset += len(line)
            if start is None or bar.time >= start:
                yield bar
    except RowError as error:
        message = f"{path.name}, line {number}: {error}. Upload the series again."
        raise InvalidError("bad_data_file", message) from None


def rows_before(file: BinaryIO, marks: Marks, time: int) -> int:
    """Return how many bars of a series' file open before a time (epoch seconds); InvalidError as `scan`."""
    mark = marks.before(time) or _top(file)
    rest = takewhile(lambda bar: bar.time < time, scan(file, marks, mark.time))
    return mark.line - FIRST_ROW + sum(1 for _ in rest)


def time_of(file: BinaryIO, marks: Marks, place: int) -> int:
    """Return when the bar at a place (counted from 0) opens; that of a place behind the last bar is never."""
    mark = marks.at(place + FIRST_ROW) or _top(file)
    bar = next(islice(scan(file, marks, mark.time), place + FIRST_ROW - mark.line, None), None)
    return bar.time if bar else LATEST


def _top(file: BinaryIO) -> Mark:
    file.seek(0)
    return Mark(EARLIEST, len(file.readline()), FIRST_ROW)
