"""Reads what an ELF file says of itself from a stream that cannot seek (System V ABI; little-endian).

Why not pyelftools: it needs a file that can seek, and layers come as a stream. It knows no fat binaries and no PTX,
which tell CUDA's code apart. The tests compare the two readers.
"""

import contextlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

HEAD = 1 << 20  # bytes kept from a file's start: headers, and the string table wherever a linker put it
MAGIC = b"\x7fELF"
KIND = slice(4, 6), slice(18, 20)  # where a header has class and byte order, and the machine
ARCHIVE = b"!<arch>\n"  # a static library (ar(5))
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME = 0, 1, 5, 14
DYNAMIC_AT_MOST = 1 << 20  # bytes; libtorch's takes a few hundred
NAMES_AT_MOST = 1 << 26  # bytes between the first and the last name that the dynamic section asks for
LONGEST = 256  # bytes; the longest file name Linux has
MACHINES = {"02013e00": "x86_64", "0201b700": "aarch64"}  # of Object.machine
EM_CUDA = struct.pack("<H", 190)
ET_DYN = 3
OS_ABIS = (0, 3)  # System V's and Linux's
CUT_OFF, NOT_SHARED = "cut off", "no shared object"
SCRIPT, SCRIPT_AT_MOST = "a linker's script", 1 << 16  # bytes
_NAMED = re.compile(r"\.so(?:\.\d+)*$")
# What a linker, and no loader, takes under such a name (ld(1), linker scripts)
_LINKER_SCRIPT = re.compile(rb"(?:\s|/\*(?:[^*]|\*(?!/))*+\*/)*+(?:OUTPUT_FORMAT|INPUT|GROUP)\s*+\(")
# Code for a GPU in a host's file: a fat binary's magic, version 1 and header size (the CUDA toolkit's fatbinary.h). It
# lies in a section of the second name, and the loader finds it through the third.
DEVICE_CODE = (b"\x50\xed\x55\xba\x01\x00\x10\x00", b"\0.nv_fatbin\0", b"\0.nvFatBinSegment\0")
_MAGIC = re.compile(re.escape(DEVICE_CODE[0]))  # as an expression it is found twice as fast
# How PTX begins: comments, its version, its target. Possessive, so that comments are taken apart in one way only.
_PTX = re.compile(rb"(?:\s|//[^\n]*+\n|/\*(?:[^*]|\*(?!/))*+\*/)*+\.version\s++\d++\.\d++\s++\.target\s++sm_\d")
OVERLAP = max(map(len, DEVICE_CODE)) - 1


# By class: a file's header, a segment's header and which of its fields are kept, and an entry of the dynamic section
_LAYOUTS = {
    1: (struct.Struct("<16sHHIIIIIHHHHHH"), struct.Struct("<8I"), (0, 1, 2, 4), struct.Struct("<II")),
    2: (struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), (0, 2, 3, 5), struct.Struct("<QQ")),
}


@dataclass(frozen=True)
class Object:
    """What was read of an ELF file. Names are missing where it has none, or where the stream had passed them."""

    machine: str | None = None  # class, byte order and machine, in hexadecimal, or SCRIPT; None for any other file
    unloadable: str = ""  # why no loader takes it: CUT_OFF, or NOT_SHARED
    soname: str | None = None
    needed: tuple[str, ...] = ()  # the libraries that it asks the loader for
    device_code: bool = False  # for a GPU of NVIDIA's, by the file's kind or its content


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int  # bytes in the file


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


def is_named(path: str) -> bool:
    """Whether a path has a shared object's name."""
    return _NAMED.search(path) is not None


def machine_name(machine: str | None) -> str:
    """Return an ELF file's Object.machine as uname(2) names it, or its numbers; "" for a file of another kind."""
    if machine is None or machine == SCRIPT:
        return ""
    number = int.from_bytes(bytes.fromhex(machine[4:]), "little")
    return MACHINES.get(machine) or f"ELF class {machine[:2]}, machine {number}"


def is_of_a_gpu(machine: str | None) -> bool:
    """Whether an ELF file with this Object.machine runs on a GPU of NVIDIA's."""
    return machine is not None and machine.endswith(EM_CUDA.hex())


def read_object(head: bytes, read: Callable[[int], bytes], size: int) -> Object:
    """Read the file of ``size`` bytes that starts with ``head`` and goes on with what ``read`` returns, to its end.

    ``head`` holds up to HEAD bytes. The names are missing where the file is no shared library. They are missing, too,
    where the stream had passed the string table before the dynamic section named it: then the file's name stands in.
    """
    if not head.startswith(MAGIC):
        return Object(SCRIPT if size <= SCRIPT_AT_MOST and _LINKER_SCRIPT.match(head) else None)
    watched, names, fault = _Watched(head, read), _NAMELESS, CUT_OFF
    with contextlib.suppress(struct.error, ValueError, LookupError):
        file = _Window(head, watched.read)
        header, segments = _headers(file)
        fault = _fault(size, header, segments)
        names = _names(file, segments)
    machine = b"".join(head[part] for part in KIND).hex()
    if is_of_a_gpu(machine):
        return Object(machine, "", *names, device_code=True)
    return Object(machine, fault, *names, device_code=_to_its_end(watched))


def _headers(file: _Window) -> tuple[tuple[Any, ...], list[_Segment]]:
    """Return the fields of a file's header, and its segments."""
    of_file, of_segment, kept, _ = _LAYOUTS[file.head[4]]
    header = of_file.unpack_from(file.head)
    offset, count = header[5], header[10]
    table = file.get(offset, count * of_segment.size) or b""
    whole = len(table) // of_segment.size * of_segment.size
    fields = of_segment.iter_unpack(table[:whole])
    return header, [_Segment(*(values[number] for number in kept)) for values in fields]


def _fault(size: int, header: tuple[Any, ...], segments: list[_Segment]) -> str:
    """Return why no loader takes a file as a shared object (what glibc asks of its headers); "" where it might."""
    ident, kind, *_, sections, _, _, segment_bytes, count, section_bytes, section_count, _ = header
    ends = [segment.offset + segment.size for segment in segments if segment.kind in (PT_LOAD, PT_DYNAMIC)]
    if len(segments) < count or max(*ends, 0, sections + section_bytes * section_count) > size:
        return CUT_OFF
    loaded = {segment.kind for segment in segments} >= {PT_LOAD, PT_DYNAMIC}
    takes = kind == ET_DYN and loaded and ident[6] == 1 and ident[7] in OS_ABIS
    takes = takes and segment_bytes == _LAYOUTS[ident[4]][1].size
    return "" if takes else NOT_SHARED


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


def _names(file: _Window, segments: list[_Segment]) -> tuple[str | None, tuple[str, ...]]:
    """Return the soname and the names of the libraries that the file needs."""
    dynamic = next((segment for segment in segments if segment.kind == PT_DYNAMIC), None)
    if dynamic is None:
        return _NAMELESS
    *_, pair = _LAYOUTS[file.head[4]]
    section = file.get(dynamic.offset, min(dynamic.size, DYNAMIC_AT_MOST)) or b""
    pairs = pair.iter_unpack(section[: len(section) // pair.size * pair.size])
    entries = list(takewhile(lambda entry: entry[0] != DT_NULL, pairs))
    last = dict(entries)
    asked = [last[DT_SONAME]] if DT_SONAME in last else []
    asked += [value for kind, value in entries if kind == DT_NEEDED]
    if not asked or DT_STRTAB not in last:
        return _NAMELESS
    first = min(asked)
    address = last[DT_STRTAB] + first
    for kind, start, virtual, size in segments:
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
