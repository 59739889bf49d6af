"""Reads a shared library's soname from a stream that cannot seek (System V ABI, ELF-64, little-endian)."""

import struct
from collections.abc import Callable
from itertools import takewhile

HEAD = 1 << 20  # bytes kept from a file's start: headers, and the string table wherever a linker put it
MAGIC = b"\x7fELF\x02\x01"  # 64-bit, little-endian: all that the images' platform loads
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_STRTAB, DT_SONAME = 0, 5, 14
DYNAMIC_AT_MOST = 1 << 20  # bytes; libtorch's takes a few hundred
LONGEST = 256  # bytes; the longest file name Linux has


class _Window:
    """Byte ranges of a stream, asked for in rising order, over what was kept from its start."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self.head, self.read, self.position = head, read, len(head)

    def get(self, offset: int, size: int) -> bytes | None:
        """Return ``size`` bytes at ``offset``; None where they have passed or the file ends before them."""
        kept = self.head[offset : offset + size]
        if len(kept) == size:
            return kept
        if kept and self.position == len(self.head):  # across the end of what was kept
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


def read_soname(head: bytes, read: Callable[[int], bytes]) -> str | None:
    """Return the soname of the ELF file that starts with ``head`` and goes on with what ``read`` returns.

    ``head`` holds up to HEAD bytes. None for a file that is no shared library, that has no soname, or whose string
    table had already passed when the dynamic section named it (the caller falls back to the file's name).
    """
    if not head.startswith(MAGIC):
        return None
    try:
        return _soname(_Window(head, read))
    except (struct.error, ValueError):
        return None


def _soname(file: _Window) -> str | None:
    (offset,), (count,) = struct.unpack_from("<Q", file.head, 32), struct.unpack_from("<H", file.head, 56)
    headers = file.get(offset, count * 56) or b""
    segments = [struct.unpack_from("<IIQQQQ", headers, i * 56) for i in range(len(headers) // 56)]
    dynamic = next(((o, size) for kind, _, o, _, _, size in segments if kind == PT_DYNAMIC), None)
    if dynamic is None:
        return None
    section = file.get(dynamic[0], min(dynamic[1], DYNAMIC_AT_MOST)) or b""
    pairs = struct.iter_unpack("<QQ", section[: len(section) // 16 * 16])
    entries = dict(takewhile(lambda pair: pair[0] != DT_NULL, pairs))
    if DT_SONAME not in entries or DT_STRTAB not in entries:
        return None
    address = entries[DT_STRTAB] + entries[DT_SONAME]
    for kind, _, start, virtual, _, size in segments:
        if kind == PT_LOAD and virtual <= address < virtual + size:
            name = file.get(start + address - virtual, LONGEST)
            text, end, _ = (name or b"").partition(b"\0")
            return text.decode("ascii") if text and end else None
    return None
