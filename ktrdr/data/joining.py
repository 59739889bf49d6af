"""How an upload and the stored series differ, and both in one series. Neither is ever held in memory as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from ktrdr.data.draft import Draft
from ktrdr.data.stored import TOP, Stored, seconds

END: Final = "~"
"""Behind every line."""
BATCH: Final = 4096
OLD, NEW = 1, 2


@dataclass(frozen=True)
class Part:
    """An open file of bars, and what is known of it."""

    file: BinaryIO
    stored: Stored

    def lines(self, start: int, stop: int) -> Iterator[str]:
        """Yield the lines from one offset to another."""
        for lines in self.stored.lines(self.file, start, stop):
            yield from lines


@dataclass(frozen=True)
class Overlap:
    """Where the stored bars stand that open from an upload's first bar to its last: offsets, and rows around them."""

    start: int
    stop: int
    before: int
    behind: int


@dataclass
class Difference:
    """Bars by what an upload does to the stored ones; `first` is the time of the first that is removed or changed.

    `near` is the time of a bar that would stand too near to the one before it, and how many seconds behind it.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    first: str = ""
    near: tuple[str, int] | None = None

    def note(self, old: str, new: str) -> None:
        """Count a bar: its line in the stored series and in the upload, empty where it has none."""
        self.added += not old
        if old and old != new:
            self.removed += not new
            self.changed += bool(new)
            self.first = self.first or old[:TOP]


def overlap(old: Part, new: Part) -> Overlap:
    """Find where two series overlap; InvalidError if the stored one breaks the rules."""
    old.stored.learn(old.file)
    start = old.stored.find(old.file, seconds(new.stored.first))
    stop = old.stored.find(old.file, seconds(new.stored.last) + 1)
    return Overlap(start.offset, stop.offset, start.row, old.stored.rows - stop.row)


def compare(old: Part, new: Part) -> Difference:
    """Compare a stored series with the upload that is to take its place."""
    common = overlap(old, new)
    found = Difference(removed=common.before + common.behind, first=old.stored.first if common.before else "")
    for pair in _pairs(old.lines(common.start, common.stop), new.lines(new.stored.top, new.stored.offset)):
        found.note(*pair)
    if common.behind and not found.first:
        found.first = old.stored.at(old.file, old.stored.rows - common.behind).time
    return found


def join(old: Part, new: Part, draft: Draft, nearest: int) -> Difference:
    """Write both series into a draft: the upload's bar, where both have one. Nothing is removed.

    `nearest` is the shortest distance of two bars, in seconds.
    """
    common, found = overlap(old, new), Difference()
    seams = _Seams(nearest)
    for lines in old.stored.lines(old.file, old.stored.top, common.start):
        draft.add(lines)
        seams.pass_over(lines[-1], OLD)
    batch: list[str] = []
    for pair in _pairs(old.lines(common.start, common.stop), new.lines(new.stored.top, new.stored.offset)):
        line = pair[1] or pair[0]
        found.note(pair[0], line)
        seams.pass_over(line, OLD * bool(pair[0]) + NEW * bool(pair[1]))
        batch.append(line)
        if len(batch) == BATCH:
            draft.add(batch)
            batch.clear()
    draft.add(batch)
    for lines in old.stored.lines(old.file, common.stop, old.stored.offset):
        seams.pass_over(lines[0], OLD)
        draft.add(lines)
    found.near = seams.near
    return found


class _Seams:
    """Finds a bar that stands too near to the one before it, which is of the other series."""

    def __init__(self, nearest: int) -> None:
        self.near: tuple[str, int] | None = None
        self._nearest = nearest
        self._above, self._above_of = "", OLD + NEW

    def pass_over(self, line: str, of: int) -> None:
        """Go on to a line of one series or both; neighbours within a series have been checked."""
        if not of & self._above_of and (apart := seconds(line[:TOP]) - seconds(self._above)) < self._nearest:
            self.near = self.near or (line[:TOP], apart)
        self._above, self._above_of = line[:TOP], of


def _pairs(old: Iterator[str], new: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of two series by time: that of either, or an empty text."""
    left, right = next(old, END), next(new, END)
    while left != END or right != END:
        if left[:TOP] == right[:TOP]:
            yield left, right
            left, right = next(old, END), next(new, END)
        elif left < right:
            yield left, ""
            left = next(old, END)
        else:
            yield "", right
            right = next(new, END)
