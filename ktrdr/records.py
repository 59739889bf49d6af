"""The records of a backtest: every trade, and the equity at every bar, as gzipped CSV. Torch-free.

The worker writes them row by row, the backend checks and keeps them, and clients get them as CSV or JSON.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, get_args

from ktrdr.errors import InvalidError
from ktrdr.model_files import MIB

Kind = Literal["trades", "equity"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PACKED_LIMIT: Final = 256 * MIB
"""Bytes of a gzipped record. A bar of the curve takes some 13 of them, a trade some 80."""
PLAIN_LIMIT: Final = 512 * MIB
"""Bytes of a record as CSV: the curve of 12 million bars, or 2.5 million trades."""
BLOCK: Final = 64 * 1024
AT_ONCE: Final = 1000
LINE_LIMIT: Final = 512
LEVEL: Final = 1
GZIP: Final = 16 + zlib.MAX_WBITS

_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_NUMBER: Final = r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:e[+-]?\d++)?"


@dataclass(frozen=True)
class Record:
    """A kind of record: its columns, and the pattern of each column's text."""

    columns: Mapping[str, str]
    texts: frozenset[str]
    """The columns that JSON writes as texts; the others hold numbers."""

    @property
    def header(self) -> bytes:
        """The first line."""
        return ",".join(self.columns).encode() + b"\n"

    @property
    def row(self) -> re.Pattern[bytes]:
        """The pattern of a row, with a group for each column."""
        return re.compile((",".join(f"({pattern})" for pattern in self.columns.values()) + r"\n").encode())

    @property
    def rows(self) -> re.Pattern[bytes]:
        """The pattern of rows."""
        return re.compile(("(?:" + ",".join(f"(?:{pattern})" for pattern in self.columns.values()) + r"\n)*+").encode())

    @property
    def as_json(self) -> bytes:
        """The template by which a row becomes a JSON object, with a comma before it."""
        values = (rf'"\{place}"' if name in self.texts else rf"\{place}" for place, name in enumerate(self.columns, 1))
        return (
            ",{" + ",".join(f'"{name}":{value}' for name, value in zip(self.columns, values, strict=True)) + "}"
        ).encode()


_AMOUNTS: Final = ("entry_price", "exit_price", "units", "commission", "slippage", "profit", "return_pct")
RECORDS: Final[dict[Kind, Record]] = {
    "trades": Record(
        {"direction": "long|short", "entry_time": _TIME, "exit_time": _TIME, **dict.fromkeys(_AMOUNTS, _NUMBER)},
        frozenset({"direction", "entry_time", "exit_time"}),
    ),
    "equity": Record({"timestamp": _TIME, "equity": _NUMBER}, frozenset({"timestamp"})),
}


@dataclass(frozen=True)
class Packed:
    """A record as gzipped CSV, made anew each time that it is iterated: an upload may be repeated."""

    kind: Kind
    rows: Callable[[], Iterable[str]]
    """Each row as a line, without its end."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in pieces."""
        packer = zlib.compressobj(LEVEL, wbits=GZIP)
        yield packer.compress(RECORDS[self.kind].header)
        rows = iter(self.rows())
        while lines := list(islice(rows, AT_ONCE)):
            yield packer.compress("\n".join((*lines, "")).encode())
        yield packer.flush()


class Check:
    """Reads a gzipped record in pieces of any size and raises InvalidError if it is none. Its memory is bounded."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._unpacker = zlib.decompressobj(GZIP)
        self._rows = RECORDS[kind].rows
        self._header: bytes | None = RECORDS[kind].header
        self._rest = b""
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Check the next bytes."""
        while piece:
            if self._unpacker.eof:
                raise self._refusal("goes on behind its end")
            try:
                plain = self._unpacker.decompress(piece, BLOCK)
            except zlib.error:
                raise self._refusal("is not gzip, or is damaged") from None
            piece = self._unpacker.unconsumed_tail or self._unpacker.unused_data
            self._read(plain)

    def finish(self) -> None:
        """Check that it is complete."""
        if not self._unpacker.eof or self._rest or self._header is not None:
            raise self._refusal("is broken off")

    def _read(self, plain: bytes) -> None:
        self._size += len(plain)
        if self._size > PLAIN_LIMIT:
            raise self._refusal(f"has more than {PLAIN_LIMIT // MIB} MiB")
        lines, end, rest = (self._rest + plain).rpartition(b"\n")
        lines, self._rest = lines + end, rest
        if len(rest) > LINE_LIMIT:
            raise self._refusal(f"has a line of more than {LINE_LIMIT} bytes")
        if self._header is not None and lines:
            if not lines.startswith(self._header):
                raise self._refusal(f"does not begin with the line {self._header.decode().strip()}")
            lines, self._header = lines[len(self._header) :], None
        if not self._rows.fullmatch(lines):
            raise self._refusal("has a line that is no row of it")

    def _refusal(self, reason: str) -> InvalidError:
        return InvalidError("bad_record", f"The record of {self._kind} {reason}; send it again, as gzipped CSV.")


def as_json(kind: Kind, plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the JSON text of a list of objects, from a checked record's CSV in pieces of any size."""
    record = RECORDS[kind]
    row, template = record.row, record.as_json
    rest, begun = b"", False
    skip = len(record.header)
    yield b"["
    for piece in plain:
        lines, end, rest = (rest + piece).rpartition(b"\n")
        text = row.sub(template, (lines + end)[skip:])
        if end:
            skip = 0
        if text:
            yield text if begun else text[1:]
            begun = True
    yield b"]"
