"""A shared library is read as its own headers lay it out, to the byte, and no further."""

import io
import struct

import pytest

from tests.support.elves import DYNAMIC, HEADERS, LOAD, SONAME, STRTAB, shared_library
from verify.contents.elf import HEAD, read_object

NEEDED = 1  # an entry that names a library which this one needs
PLACE = 0x400000


def soname_of(data: bytes) -> str | None:
    stream = io.BytesIO(data)
    return read_object(stream.read(HEAD), stream.read, 0).soname


def with_bytes(data: bytes, **parts: bytes) -> bytes:
    """The file with other bytes at these places: ``at_64``."""
    changed = bytearray(data)
    for place, part in parts.items():
        at = int(place.removeprefix("at_"))
        changed[at : at + len(part)] = part
    return bytes(changed)


def segment(kind: int, offset: int, address: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 0, offset, address, 0, size, size, 8)


def elf(segments: list[bytes], count: int, entries: list[tuple[int, int]], *parts: tuple[int, bytes]) -> bytes:
    """A file that says it has ``count`` segments; the dynamic section at 0x2000, then other parts at their places."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, count, 64, 0, 0)
    data = bytearray(0x6000)
    dynamic = b"".join(struct.pack("<QQ", *one) for one in [*entries, (0, 0)])
    for at, part in ((0, header), (64, b"".join(segments)), (0x2000, dynamic), *parts):
        data[at : at + len(part)] = part
    return bytes(data)


NAMES = (0x3000, b"\0libplain.so.1\0")
ENTRIES = [(STRTAB, PLACE + 0x3000), (SONAME, 1)]


@pytest.mark.parametrize(("count", "soname"), [(56, "libplain.so.1"), (55, None)])
def test_as_many_segments_are_read_as_the_file_says_it_has(count: int, soname: str | None) -> None:
    segments = [segment(LOAD, 0, PLACE, 0x6000), *[segment(0, 0, 0, 0)] * 54, segment(DYNAMIC, 0x2000, 0, 64)]
    assert soname_of(elf(segments, count, ENTRIES, NAMES)) == soname


def test_segments_without_number_are_none_however_many_headers_follow() -> None:
    segments = [segment(LOAD, 0, PLACE, 0x6000), *[segment(0, 0, 0, 0)] * 55, segment(DYNAMIC, 0x2000, 0, 64)]
    assert soname_of(elf(segments, 56, ENTRIES, NAMES)) is None


def test_a_name_is_looked_for_in_the_segment_that_is_loaded_at_its_address() -> None:
    """Two segments, one behind the other in memory, the second elsewhere in the file; with the name it begins."""
    segments = [
        segment(LOAD, 0x3000, PLACE, 0x1000), segment(LOAD, 0x5000, PLACE + 0x1000, 0x1000),
        segment(DYNAMIC, 0x2000, 0, 64),
    ]  # fmt: skip
    entries = [(STRTAB, PLACE + 0xFFF), (SONAME, 1)]
    names = (0x5000, b"libsecond.so.1\0"), (0x4000, b"libwrong.so.1\0")
    assert soname_of(elf(segments, 3, entries, *names)) == "libsecond.so.1"


def test_a_name_in_no_loaded_segment_is_none() -> None:
    segments = [segment(LOAD, 0, PLACE, 0x3000), segment(DYNAMIC, 0x2000, PLACE + 0x3000, 0x1000)]
    assert soname_of(elf(segments, 2, ENTRIES, NAMES)) is None


def test_names_without_the_place_of_a_table_of_names_are_none() -> None:
    segments = [segment(LOAD, 0, PLACE, 0x6000), segment(DYNAMIC, 0x2000, 0, 64)]
    assert soname_of(elf(segments, 2, [(SONAME, 1)], NAMES)) is None


def test_a_needed_name_far_from_the_file_s_own_is_read() -> None:
    segments = [segment(LOAD, 0, PLACE, 0x6000), segment(DYNAMIC, 0x2000, 0, 64)]
    data = elf(segments, 2, [*ENTRIES, (NEEDED, 0x2000)], NAMES, (0x5000, b"libfar.so.2\0"))
    assert read_object(data, lambda _: b"", len(data)).needed == ("libfar.so.2",)


@pytest.mark.parametrize(("last", "apart"), [(0x4000, 0x3FFF), (2**40, 1 << 26)])
def test_no_more_is_read_for_names_than_lies_between_them_and_64_mebibytes_at_most(last: int, apart: int) -> None:
    segments = [segment(LOAD, 0, PLACE, 0x6000), segment(DYNAMIC, 0x2000, 0, 64)]
    data = elf(segments, 2, [*ENTRIES, (NEEDED, last)], NAMES)
    asked: list[int] = []

    def nothing_more(size: int) -> bytes:
        asked.append(size)
        return b""

    found = read_object(data, nothing_more, len(data))
    assert (found.soname, found.needed) == ("libplain.so.1", ())
    assert asked[0] == apart + 256 - (len(data) - 0x3001)


@pytest.mark.parametrize(("length", "read"), [(255, True), (256, False)])
def test_a_name_is_as_long_as_linux_allows_and_no_longer(length: int, *, read: bool) -> None:
    assert soname_of(shared_library("x" * length)) == ("x" * length if read else None)


def test_a_name_without_a_letter_is_none() -> None:
    assert soname_of(shared_library("")) is None


@pytest.mark.parametrize("dynamic_bytes", [40, 47])
def test_an_entry_that_is_cut_off_does_not_count_and_those_before_it_do(dynamic_bytes: int) -> None:
    assert soname_of(shared_library("libcut.so.1", dynamic_bytes=dynamic_bytes)) == "libcut.so.1"


@pytest.mark.parametrize(("more", "soname"), [(0, "liblong.so.1"), (1, None)])
def test_a_dynamic_section_is_read_as_far_as_a_mebibyte(more: int, soname: str | None) -> None:
    """Entries that say nothing of the name, without a value, then the two that do: they end with the mebibyte."""
    before = (1 << 20) - 32 + 16 * more
    data = shared_library("liblong.so.1", gap=before, dynamic_bytes=before + 48)
    entries = struct.pack("<QQ", NEEDED, 0) * (before // 16)
    start = struct.pack("<Q", HEADERS)
    assert soname_of(with_bytes(data, **{f"at_{64 + 56 + 8}": start, f"at_{HEADERS}": entries})) == soname


def test_a_dynamic_section_that_begins_where_what_is_kept_ends_is_read() -> None:
    assert soname_of(shared_library("libedge.so.1", gap=HEAD - HEADERS)) == "libedge.so.1"


def test_a_name_at_the_end_of_what_is_kept_is_read_although_the_section_lies_beyond() -> None:
    assert soname_of(shared_library("lib.so.1", gap=HEAD + 5000, names_at=HEAD - 16)) == "lib.so.1"


def test_a_name_that_has_passed_is_none_and_not_what_comes_next() -> None:
    gap = HEAD + 5000
    data = shared_library("libpassed.so.1", gap=gap, names_at=HEAD + 100)
    assert soname_of(with_bytes(data, **{f"at_{HEADERS + gap + 48}": b"libwrong.so.1\0"})) is None
