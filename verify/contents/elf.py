"""Reads what an ELF file says of itself from a stream that cannot seek (System V ABI, ELF-64, little-endian).

Why not pyelftools: it needs a file that can seek, and layers come as a stream. It knows no fat binaries and no PTX,
which tell CUDA's code apart. The tests compare the two readers.
"""

import contextlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

HEAD = 1 << 20  # bytes kept from a file's start: headers, and the string table wherever a linker put it
MAGIC = b"\x7fELF\x02\x01"  # 64-bit, little-endian: the only kind that the images' platform loads
ARCHIVE = b"!<arch>\n"  # a static library (ar(5))
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME = 0, 1, 5, 14
DYNAMIC_AT_MOST = 1 << 20  # bytes; libtorch's takes a few hundred
NAMES_AT_MOST = 1 << 26  # bytes between the first and the last name that the dynamic section asks for
LONGEST = 256  # bytes; the longest file name Linux has
MACHINE = slice(18, 20)  # where the header has it
EM_CUDA = struct.pack("<H", 190)
# Code for a GPU in a host's file: a fat binary's magic, version 1 and header size (the CUDA toolkit's fatbinary.h). It
# lies in a section of the second name, and the loader finds it through the third.
DEVICE_CODE = (b"\x50\xed\x55\xba\x01\x00\x10\x00", b"\0.nv_fatbin\0", b"\0.nvFatBinSegment\0")
_MAGIC = re.compile(re.escape(DEVICE_CODE[0]))  # as an expression it is found twice as fast
# How PTX begins: comments, its version, its target. Possessive, so that comments are taken apart in one way only.
_PTX = re.compile(rb"(?:\s|//[^\n]*+\n|/\*(?:[^*]|\*(?!/))*+\*/)*+\.version\s++\d++\.\d++\s++\.target\s++sm_\d")
OVERLAP = max(map(len, DEVICE_CODE)) - 1


@dataclass(frozen=True)
class Object:
    """What was read of an ELF file. Names are missing where it has none, or where the stream had passed them."""

    soname: str | None = None
    needed: tuple[str, ...] = ()  # the libraries that it asks the loader for
    device_code: bool = False  # for a GPU of NVIDIA's, by the file's kind or its content


class _Watched:
    """A stream that is searched for code for a GPU as it is read."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self.source, self.end, self.found = read, head[-OVERLAP:], _has_device_code(head)

    def read(self, size: int) -> bytes:
        block = self.source(size)
        self.found = self.found or _has_device_code(self.end + block)
        self.end = (self.end + block[-OVERLAP:])[-OVERLAP:]
        return block


def _has_device_code(data: bytes) -> bool:
    return _MAGIC.search(data) is not None or any(mark in data for mark in DEVICE_CODE[1:])


class _Window:
    """Byte ranges of a stream, asked for in rising order, and of the bytes kept from its start."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self.head, self.read, self.position = head, read, len(head)

    def get(self, offset: int, size: int) -> bytes | None:
        """Return ``size`` bytes at ``offset``; None where the stream has passed them or ends before them."""
        kept = self.head[offset : offset + size]
        if len(kept) == size:
            return kept
        if kept and self.position == len(self.head):  # across the end of the kept bytes
            rest = self.read(size - len(kept))
            self.position += len(rest)
            return kept + rest
        if kept or offset < self.position:
            return kept or None
        while self.position < offset:
            skipped = len(self.read(min(HEAD, offset - self.position)))
            if not skipped:
                return None
            self.position += skipped
        data = self.read(size)
        self.position += len(data)
        return data


def read_object(head: bytes, read: Callable[[int], bytes]) -> Object:
    """Read the ELF file that starts with ``head`` and goes on with what ``read`` returns, to its end.

    ``head`` holds up to HEAD bytes. The names are missing where the file is no shared library. They are missing, too,
    where the stream had passed the string table before the dynamic section named it: then the file's name stands in.
    """
    if not head.startswith(MAGIC):
        return Object()
    watched, names = _Watched(head, read), _NAMELESS
    with contextlib.suppress(struct.error, ValueError):
        names = _names(_Window(head, watched.read))
    return Object(*names, device_code=_to_its_end(watched) or head[MACHINE] == EM_CUDA)


def _to_its_end(watched: _Watched) -> bool:
    """Read a stream to its end, or to code for a GPU; returns whether there is any."""
    while not watched.found and watched.read(HEAD):
        pass
    return watched.found


def archive_has_device_code(head: bytes, read: Callable[[int], bytes]) -> bool:
    """Whether any member of the static library that starts with ``head`` holds code for a GPU."""
    return head.startswith(ARCHIVE) and _to_its_end(_Watched(head, read))


def is_device_code(head: bytes) -> bool:
    """Whether a file is code for a GPU by itself: a fat binary, or text for the driver's own compiler (PTX ISA)."""
    return head.startswith(DEVICE_CODE[0]) or _PTX.match(head) is not None


_NAMELESS: tuple[str | None, tuple[str, ...]] = (None, ())


def _names(file: _Window) -> tuple[str | None, tuple[str, ...]]:
    """Return the soname and the names of the libraries that the file needs."""
    (offset,), (count,) = struct.unpack_from("<Q", file.head, 32), struct.unpack_from("<H", file.head, 56)
    headers = file.get(offset, count * 56) or b""
    segments = [struct.unpack_from("<IIQQQQ", headers, i * 56) for i in range(len(headers) // 56)]
    dynamic = next(((o, size) for kind, _, o, _, _, size in segments if kind == PT_DYNAMIC), None)
    if dynamic is None:
        return _NAMELESS
    section = file.get(dynamic[0], min(dynamic[1], DYNAMIC_AT_MOST)) or b""
    pairs = struct.iter_unpack("<QQ", section[: len(section) // 16 * 16])
    entries = list(takewhile(lambda pair: pair[0] != DT_NULL, pairs))
    last = dict(entries)
    asked = [last[DT_SONAME]] if DT_SONAME in last else []
    asked += [value for kind, value in entries if kind == DT_NEEDED]
    if not asked or DT_STRTAB not in last:
        return _NAMELESS
    first = min(asked)
    for kind, _, start, virtual, _, size in segments:
        address = last[DT_STRTAB] + first
        if kind == PT_LOAD and virtual <= address < virtual + size:
            reach = min(max(asked) - first, NAMES_AT_MOST) + LONGEST
            table = file.get(start + address - virtual, reach) or b""
            found = [_text(table, value - first) for value in asked]
            soname = found.pop(0) if DT_SONAME in last else None
            return soname, tuple(name for name in found if name)
    return _NAMELESS


def _text(table: bytes, at: int) -> str | None:
    text, end, _ = table[at : at + LONGEST].partition(b"\0")
    return text.decode("ascii") if text and end else None
