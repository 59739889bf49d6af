"""A series' file while it is written, beside its place: it takes that place completely, or it is removed."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ktrdr.data.bars import HEADER
from ktrdr.data.stored import EVERY, TOP, Mark, Stored
from ktrdr.disk import Arriving

PREFIX: Final = ".upload-"
BACKWARDS: Final = 1 << 17


class Draft(Arriving):
    """Add lines in order of time, then `commit`. A context manager; leaving it removes what is not committed.

    `stored` is what is known of the file: all of it, because it was written here.
    """

    def __init__(self, target: Path, timeframe: str) -> None:
        super().__init__(target.parent, PREFIX)
        self.target = target
        self.timeframe = timeframe
        self.file.write(HEADER.encode() + b"\n")
        self.stored = Stored(timeframe)

    def add(self, lines: Sequence[str]) -> None:
        """Add lines as `ktrdr.data.block` writes them, without line ends; those of a draft from the newest on too."""
        if not lines:
            return
        stored = self.stored
        for place in range(-stored.rows % EVERY, len(lines), EVERY):
            offset = stored.offset + sum(map(len, lines[:place])) + place
            stored.marks.append(Mark(lines[place][:TOP], offset, stored.rows + place))
        text = "\n".join((*lines, "")).encode("ascii")
        self.file.write(text)
        stored.first = stored.first or lines[0][:TOP]
        stored.last = lines[-1][:TOP]
        stored.rows += len(lines)
        stored.offset += len(text)

    def flush(self) -> None:
        """Write what the process still holds; OSError if the disk has no room."""
        self.file.flush()
        self.stored.complete = True

    def turned(self) -> "Draft":
        """Return a draft with the lines in the opposite order."""
        self.flush()
        turned = Draft(self.target, self.timeframe)
        try:
            for lines in self._backwards():
                turned.add(lines)
        except BaseException:
            turned.__exit__()
            raise
        return turned

    def _backwards(self) -> Iterator[list[str]]:
        end, rest = self.stored.offset, b""
        with self.path.open("rb") as file:
            while end > self.stored.top:
                begin = max(self.stored.top, end - BACKWARDS)
                file.seek(begin)
                block, end = file.read(end - begin) + rest, begin
                if begin > self.stored.top:
                    rest, _, block = block.partition(b"\n")
                    rest += b"\n"
                yield block.decode("ascii").split("\n")[-2::-1]

    def commit(self) -> os.stat_result:
        """Put the file into its place; return its status there. OSError if the disk fails, and nothing changes."""
        self.flush()
        return self.place(self.target)
