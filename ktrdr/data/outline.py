"""A series' file in outline: how many rows, the first and the last one. Listing hundreds of files needs no more."""

from typing import BinaryIO, Final, NamedTuple

from ktrdr.data.bars import HEADER
from ktrdr.data.block import TIME_LENGTH, line_of
from ktrdr.data.rows import RowError, Rows

BLOCK: Final = 1 << 18
LONGEST: Final = 512


class Outline(NamedTuple):
    """The number of rows, and when the first and the last one open, as the file has it."""

    rows: int
    first: str
    last: str


def outline(file: BinaryIO, timeframe: str) -> Outline | None:
    """Return a file's outline, a hundred times faster than its rows are checked.

    None unless header, first and last row stand as the backend writes them; a mistake between them is found by who
    reads that row.
    """
    file.seek(0)
    if file.readline(LONGEST) != HEADER.encode() + b"\n":
        return None
    first = tail = file.readline(LONGEST)
    rows = tail.count(b"\n")
    while block := file.read(BLOCK):
        rows += block.count(b"\n")
        tail = (tail + block)[-LONGEST:]
    last = tail.removesuffix(b"\n").rpartition(b"\n")[2] + b"\n"
    if not rows or not tail.endswith(b"\n") or not all(_is_ours(line, timeframe) for line in (first, last)):
        return None
    return Outline(rows, first[:TIME_LENGTH].decode(), last[:TIME_LENGTH].decode())


def _is_ours(line: bytes, timeframe: str) -> bool:
    text = line.decode(errors="replace").removesuffix("\n")
    try:
        return line_of(Rows(timeframe).read(text)) == text
    except RowError:
        return False
