"""What an ELF file tells of itself is read from the file, and no file on a disk breaks the reading."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.elves import shared_library
from verify.contents.elf import (
    ARCHIVE,
    DEVICE_CODE,
    HEAD,
    MAGIC,
    Object,
    archive_has_device_code,
    is_device_code,
    machine_name,
    read_object,
)

NAMES = st.from_regex(r"lib[a-z0-9_-]{1,20}\.so(\.[0-9]{1,3})?", fullmatch=True)


def object_of(data: bytes) -> Object:
    stream = io.BytesIO(data)
    return read_object(stream.read(HEAD), stream.read, len(data))


def soname_of(data: bytes) -> str | None:
    return object_of(data).soname


def in_parts(data: bytes, size: int) -> tuple[bytes, Callable[[int], bytes]]:
    """What is kept of an archive's beginning, and a stream of the rest that gives ``size`` bytes at a time."""
    stream = io.BytesIO(data)
    return stream.read(len(ARCHIVE) + size), lambda _: stream.read(size)


def loaded_libraries() -> list[Path]:
    """The shared libraries of this very process (proc(5), maps)."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    return sorted({Path(path) for path in re.findall(r" (/\S+\.so[.\d]*)$", maps, re.MULTILINE)})


def test_the_soname_is_read() -> None:
    assert soname_of(shared_library("libcudart.so.13")) == "libcudart.so.13"


def test_the_soname_is_found_however_far_into_the_file_its_names_lie() -> None:
    assert soname_of(shared_library("libfar.so.1", names_at=HEAD + 5000)) == "libfar.so.1"


def test_the_soname_is_found_where_the_dynamic_section_lies_beyond_what_is_kept_of_the_file() -> None:
    assert soname_of(shared_library("libfar.so.1", gap=3 * HEAD)) == "libfar.so.1"


def test_the_soname_is_found_where_the_names_precede_the_dynamic_section() -> None:
    assert soname_of(shared_library("libback.so.1", gap=HEAD + 5000, names_at=4096)) == "libback.so.1"


def test_the_soname_is_found_at_the_very_end_of_the_file() -> None:
    assert soname_of(shared_library("libend.so.1", after=0)) == "libend.so.1"


@pytest.mark.parametrize("names_at", range(HEAD - 24, HEAD + 8, 8))
def test_the_soname_is_found_across_the_end_of_what_is_kept_of_the_file(names_at: int) -> None:
    assert soname_of(shared_library("libacross.so.1", names_at=names_at)) == "libacross.so.1"


def test_the_dynamic_section_is_found_across_the_end_of_what_is_kept_of_the_file() -> None:
    assert soname_of(shared_library("libacross.so.1", gap=HEAD - 64 - 2 * 56 - 16)) == "libacross.so.1"


def test_what_follows_the_end_of_the_dynamic_section_is_none_of_its_entries() -> None:
    assert soname_of(shared_library("libreal.so.1", more=[(14, 3)])) == "libreal.so.1"


def test_a_program_without_soname_has_none() -> None:
    assert soname_of(shared_library(None)) is None


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", MAGIC, b"\x7fELF\x01\x01" + bytes(200)])
def test_what_is_no_64_bit_elf_file_has_no_soname(data: bytes) -> None:
    assert soname_of(data) is None
    assert not object_of(data).device_code


@pytest.mark.parametrize("dynamic_bytes", [2**40, 2**63, 2**64 - 1])
def test_a_dynamic_section_that_claims_to_be_huge_does_not_break_the_reading(
    tmp_path: Path, dynamic_bytes: int
) -> None:
    path = tmp_path / "liar.so"
    path.write_bytes(shared_library("libliar.so.1", gap=HEAD, dynamic_bytes=dynamic_bytes))
    with path.open("rb") as stream:
        assert read_object(stream.read(HEAD), stream.read, 0).soname in (None, "libliar.so.1")


def test_the_c_library_of_this_process_has_the_soname_that_programs_ask_for() -> None:
    (path,) = [path for path in loaded_libraries() if path.name.startswith(("libc.so", "libc-"))]
    assert soname_of(path.read_bytes()) == "libc.so.6"


def read_by_pyelftools(stream: BinaryIO) -> tuple[str | None, list[str]]:
    """The soname and what the file needs, as pyelftools reads them."""
    dynamic = next(part for part in ELFFile(stream).iter_segments() if isinstance(part, DynamicSegment))
    soname = next((vars(tag)["soname"] for tag in dynamic.iter_tags("DT_SONAME")), None)
    return soname, [vars(tag)["needed"] for tag in dynamic.iter_tags("DT_NEEDED")]


def test_a_library_of_this_process_is_read_as_pyelftools_reads_it() -> None:
    libraries = loaded_libraries()[:12]
    assert libraries
    for path in libraries:
        found = object_of(path.read_bytes())
        with path.open("rb") as stream:
            assert (path, found.soname, list(found.needed)) == (path, *read_by_pyelftools(stream))


@settings(deadline=None, max_examples=50)
@given(
    soname=st.none() | NAMES,
    needed=st.lists(NAMES, max_size=3),
    gap=st.sampled_from([0, 5000, HEAD]),
    machine=st.sampled_from([62, 190]),
)
def test_a_library_made_by_hand_is_read_as_pyelftools_reads_it(
    soname: str | None, needed: list[str], gap: int, machine: int
) -> None:
    data = shared_library(soname, gap=gap, needed=tuple(needed), machine=machine)
    found = object_of(data)
    assert (found.soname, list(found.needed)) == read_by_pyelftools(io.BytesIO(data))


@pytest.mark.parametrize("gap", [0, HEAD + 5000])
def test_what_a_library_needs_is_read(gap: int) -> None:
    found = object_of(shared_library("libown.so.1", gap=gap, needed=("libc.so.6", "libcudart.so.13")))
    assert (found.soname, found.needed, found.device_code) == ("libown.so.1", ("libc.so.6", "libcudart.so.13"), False)


def test_a_program_without_soname_tells_what_it_needs() -> None:
    assert object_of(shared_library(None, needed=("libcuda.so.1",))).needed == ("libcuda.so.1",)


@pytest.mark.parametrize("mark", DEVICE_CODE)
@pytest.mark.parametrize("at", [500, HEAD - 3, HEAD + 5000, 2 * HEAD - 3, 3 * HEAD])
def test_code_for_a_gpu_is_found_wherever_in_the_file_it_lies(mark: bytes, at: int) -> None:
    data = shared_library("libown.so.1").ljust(at, b"\1") + mark
    assert object_of(data) == Object("02013e00", "", "libown.so.1", (), device_code=True)


def test_a_library_of_the_host_s_has_no_code_for_a_gpu() -> None:
    assert not any(object_of(path.read_bytes()).device_code for path in loaded_libraries()[:12])


def test_a_program_that_runs_on_the_gpu_itself_is_code_for_one() -> None:
    assert object_of(shared_library(None, machine=190)).device_code


@pytest.mark.parametrize(("start", "told"), [(ARCHIVE, True), (b"no archive", False)])
def test_code_for_a_gpu_is_found_in_a_static_library(start: bytes, told: bool) -> None:  # noqa: FBT001 - a parameter of the test
    stream = io.BytesIO(start + bytes(HEAD) + DEVICE_CODE[0])
    assert archive_has_device_code(stream.read(HEAD), stream.read) is told


@pytest.mark.parametrize("mark", DEVICE_CODE)
@pytest.mark.parametrize("size", [1, 7, 17, 18, 40])
def test_code_for_a_gpu_is_found_however_little_of_the_file_comes_at_a_time(mark: bytes, size: int) -> None:
    for before in range(2 * size):
        assert archive_has_device_code(*in_parts(ARCHIVE + bytes(before) + mark + bytes(3 * size), size))


PTX = b".version 8.3\n.target sm_90a, debug\n"


@pytest.mark.parametrize(
    ("head", "told"),
    [(DEVICE_CODE[0], True), (PTX, True), (b"//\n// by a compiler\n/* or * two **/\n \t" + PTX, True),
     (b" " + DEVICE_CODE[0], False), (b"words" + PTX, False), (b"// " + PTX, False), (b"/* " + PTX, False),
     (PTX.replace(b"sm_", b"sm-"), False), (PTX.replace(b".version", b"version"), False), (b"", False)],
)  # fmt: skip
def test_a_file_that_is_nothing_but_code_for_a_gpu_is_known_by_how_it_begins(head: bytes, told: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_device_code(head) is told


@pytest.mark.parametrize("comment", [b"/**/", b"/*", b"//\n", b"// ", b" ", b"/***/*"])
def test_a_beginning_of_nothing_but_comments_is_read_once(comment: bytes) -> None:
    assert not is_device_code(comment * (HEAD // len(comment)))  # in any other way it would take years


@settings(deadline=None, max_examples=50)
@given(end=st.integers(0, 1200))
def test_a_truncated_library_gives_its_soname_or_none(end: int) -> None:
    assert soname_of(shared_library("libcut.so.1", gap=200)[:end]) in (None, "libcut.so.1")


@settings(deadline=None, max_examples=50)
@given(rest=st.binary(max_size=400))
def test_random_bytes_after_the_magic_never_break_the_reading(rest: bytes) -> None:
    found = soname_of(MAGIC + rest)
    assert found is None or isinstance(found, str)


@settings(deadline=None, max_examples=50)
@given(at=st.integers(6, 240), value=st.binary(min_size=1, max_size=8))
def test_a_damaged_library_never_breaks_the_reading(at: int, value: bytes) -> None:
    data = bytearray(shared_library("libcut.so.1"))
    data[at : at + len(value)] = value
    found = soname_of(bytes(data))
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (shared_library(None), "x86_64"),
        (shared_library(None, machine=183), "aarch64"),
        (shared_library(None, machine=243), "ELF class 02, machine 243"),
        (b"\x7fELF\x01\x01\x01" + bytes(11) + b"\x03\x00" + bytes(44), "ELF class 01, machine 3"),
        (b"\x7fELF\x01\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(44), "ELF class 01, machine 62"),
        (b"/* GNU ld script */ INPUT ( libm.so.6 )\n", ""),
        (b"#!/bin/sh\n", ""),
        (b"", ""),
    ],
)
def test_a_program_s_machine_is_told_as_uname_does_and_any_other_by_its_numbers(head: bytes, told: str) -> None:
    assert machine_name(object_of(head).machine) == told
