"""Numbers by columns, read as rows: eight bytes a number, and loops that run within the interpreter. Torch-free."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from math import isnan, nan
from operator import eq
from typing import overload

Row = list[float]


class Table(Sequence[Row | None]):
    """Columns of one length, one for each feature. A row that holds NaN is read as None: it is not known yet."""

    def __init__(self, columns: "Sequence[array[float]]") -> None:
        self.columns = list(columns)

    @classmethod
    def of(cls, rows: Sequence[Row | None], width: int) -> "Table":
        """Return the table of rows of `width` numbers."""
        filled = [row or [nan] * width for row in rows]
        return cls([array("d", [row[place] for row in filled]) for place in range(width)])

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, place: int) -> Row | None: ...

    @overload
    def __getitem__(self, place: slice) -> "Table": ...

    def __getitem__(self, place: int | slice) -> "Row | Table | None":
        if isinstance(place, slice):
            return Table([column[place] for column in self.columns])
        row = [column[place] for column in self.columns]
        return None if any(map(isnan, row)) else row

    def __iter__(self) -> Iterator[Row | None]:
        for row, known in zip(zip(*self.columns, strict=True), self.known(), strict=True):
            yield list(row) if known else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def known(self, check: Callable[[], None] = lambda: None) -> bytes:
        """Return a byte for each row: 1 where no number is NaN, else 0. `check` is called often and may raise."""
        found = int.from_bytes(b"\1" * len(self))
        for column in self.columns:
            check()
            found &= int.from_bytes(bytes(map(eq, column, column)))  # NaN alone is unequal to itself
        return found.to_bytes(len(self))

    def forget(self, count: int) -> None:
        """Let the first `count` rows be unknown."""
        count = min(count, len(self))
        self.columns[0][:count] = array("d", [nan]) * count

    def extend(self, other: "Table", start: int, mask: Sequence[int], check: Callable[[], None]) -> None:
        """Add rows of a table of the same width: those from `start` on whose place in `mask` is not 0.

        `check` is called often and may raise.
        """
        stop = start + len(mask)
        for column, more in zip(self.columns, other.columns, strict=True):
            check()
            column.extend(compress(more[start:stop], mask))
