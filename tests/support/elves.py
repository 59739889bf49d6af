"""Shared libraries made by hand, as small as the ELF format allows, for the tests of what reads them."""

import struct

LOAD, DYNAMIC = 1, 2
NEEDED, STRTAB, SONAME = 1, 5, 14
HEADERS = 64 + 2 * 56  # bytes: the file's header and two segments' headers
AFTER = 512  # bytes that follow the names: section headers and the like, in what linkers make


def shared_library(
    soname: str | None,
    *,
    gap: int = 0,
    names_at: int | None = None,
    address: int = 0x10000,
    after: int = AFTER,
    more: list[tuple[int, int]] | None = None,
    dynamic_bytes: int | None = None,
    needed: tuple[str, ...] = (),
    machine: int = 62,
) -> bytes:
    """An ELF-64 file with one loaded segment and a dynamic section, ``gap`` bytes after the headers.

    The names lie at ``names_at``, behind the dynamic section by default. ``more``: entries after the end of the dynamic
    section (DT_NULL). ``dynamic_bytes``: what the segment's header says of its size, whatever that is. ``needed``: the
    libraries that it asks for.
    """
    names = b"\0" + (soname or "").encode() + b"\0"
    entries = [] if soname is None else [(SONAME, 1)]
    for name in needed:
        entries.append((NEEDED, len(names)))
        names += name.encode() + b"\0"
    size = 16 * (len(entries) + 2 + len(more or []))
    dynamic_at = HEADERS + gap
    names_at = dynamic_at + size if names_at is None else names_at
    entries = [*entries, (STRTAB, address + names_at), (0, 0), *(more or [])]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    total = max(dynamic_at + len(dynamic), names_at + len(names)) + after
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0
    )  # fmt: skip
    load = struct.pack("<IIQQQQQQ", LOAD, 5, 0, address, address, total, total, 4096)
    length = len(dynamic) if dynamic_bytes is None else dynamic_bytes
    at = struct.pack("<IIQQQQQQ", DYNAMIC, 6, dynamic_at, address + dynamic_at, 0, length, length, 8)
    data = bytearray(total)
    for start, part in ((0, header + load + at), (dynamic_at, dynamic), (names_at, names)):
        data[start : start + len(part)] = part
    return bytes(data)


def shared_library_32(soname: str | None, *, needed: tuple[str, ...] = ()) -> bytes:
    """An ELF-32 file for the i386 with one loaded segment and a dynamic section behind its headers."""
    names, entries = b"\0", []
    for kind, name in ((SONAME, soname), *((NEEDED, name) for name in needed)):
        if name is not None:
            entries.append((kind, len(names)))
            names += name.encode() + b"\0"
    dynamic_at = 52 + 2 * 32
    names_at = dynamic_at + 8 * (len(entries) + 2)
    dynamic = b"".join(struct.pack("<II", *entry) for entry in (*entries, (STRTAB, names_at), (0, 0)))
    total = names_at + len(names) + AFTER
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 3, 3, 1, 0, 52, 0, 0, 52, 32, 2, 40, 0, 0)
    load = struct.pack("<8I", LOAD, 0, 0, 0, total, total, 5, 4096)
    at = struct.pack("<8I", DYNAMIC, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 6, 4)
    return header + load + at + dynamic + names + bytes(AFTER)
