"""Archives are looked into, one within another, bounded in bytes, members and depth; damage is no traceback."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archives import file, read
from verify.contents import nested_archives
from verify.contents.files import of_a_member

KEY = b"-----BEGIN " + b"PRIVATE KEY-----\n" + b"MIIB" * 4 + b"\n"


def zipped(name: str, data: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr(name, data)
    return archive.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writing:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        writing.addfile(member, io.BytesIO(data))
    return archive.getvalue()


WAYS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "zip": (lambda data: zipped("a/notes", data), "!/a/notes"),
    "tar": (lambda data: tarred("a/notes", data), "!/a/notes"),
    "gzip": (gzip.compress, ""),
    "bzip2": (bz2.compress, ""),
    "xz": (lzma.compress, ""),
    "packed tar": (lambda data: gzip.compress(tarred("notes", data)), "!/notes"),
    "tar in a zip": (lambda data: zipped("inner.tar", tarred("notes", data)), "!/inner.tar!/notes"),
}


def found(data: bytes) -> list[tuple[str, str]]:
    return nested_archives.look_into(data[:100], io.BytesIO(data[100:]), of_a_member)


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_found_in_an_archive_whatever_its_form(way: str) -> None:
    pack, path = WAYS[way]
    assert nested_archives.is_archive(pack(KEY)[:300])
    assert found(pack(KEY)) == [("private key", path)]


@pytest.mark.parametrize("way", WAYS)
def test_an_archive_of_what_may_be_there_is_no_leftover(way: str) -> None:
    assert found(WAYS[way][0](b"nothing of interest")) == []


def test_a_leftover_is_told_with_the_archive_s_path_and_its_own() -> None:
    contents = read([file("etc/passwd")], [file("opt/data.bin", gzip.compress(tarred("x/.env", b"A=1")))])
    assert [(one.kind, one.path) for one in contents.leftovers] == [("environment", "/opt/data.bin!/x/.env")]


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(nested_archives.AT_MOST + 1)),
        zipped("zeros", bytes(nested_archives.AT_MOST + 1)),
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(KEY)))),
    ],
    ids=["packed a thousandfold", "a zip of it", "too deep"],
)
def test_an_archive_beyond_the_bounds_is_told_as_not_looked_through(data: bytes) -> None:
    assert found(data) == [("archive", " (not looked through: too much in it)")]


def test_what_lies_in_the_third_archive_is_looked_at() -> None:
    assert found(gzip.compress(gzip.compress(gzip.compress(KEY)))) == [("private key", "")]


@pytest.mark.parametrize("short", [0, 1])
def test_the_bound_in_bytes_is_of_the_archive_and_of_what_is_unpacked_of_it(
    monkeypatch: pytest.MonkeyPatch, short: int
) -> None:
    data = gzip.compress(KEY)
    monkeypatch.setattr(nested_archives, "AT_MOST", len(data) - 10 + len(KEY) - short)
    told = nested_archives.look_into(data[:10], io.BytesIO(data[10:]), of_a_member)
    assert told == [("archive", " (not looked through: too much in it)") if short else ("private key", "")]


def test_a_longer_archive_than_the_bound_is_told_as_such_and_not_as_a_damaged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = zipped("notes", KEY)
    monkeypatch.setattr(nested_archives, "AT_MOST", len(data) - 11)
    told = nested_archives.look_into(data[:10], io.BytesIO(data[10:]), of_a_member)
    assert told == [("archive", " (not looked through: too much in it)")]


@pytest.mark.parametrize("members", [3, 4])
def test_the_bound_in_members_is_of_all_that_lie_in_an_archive(monkeypatch: pytest.MonkeyPatch, members: int) -> None:
    monkeypatch.setattr(nested_archives, "MEMBERS_AT_MOST", 3)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        for number in range(members):
            writing.writestr(str(number), b"")
    assert bool(found(archive.getvalue())) == (members > 3)


def test_a_text_that_only_speaks_of_an_archive_is_none() -> None:
    assert not nested_archives.is_archive(b"zip archives begin with PK\x03\x04")


def spoilt(data: bytes, how: str) -> bytes:
    """A zip archive of two members, the first of which cannot be unpacked, and the second is a key."""
    archive = io.BytesIO(data)
    with zipfile.ZipFile(archive, "a") as writing:
        writing.writestr("b/notes", KEY)
    whole = bytearray(archive.getvalue())
    if how == "damaged":
        whole[data.index(b"nothing")] ^= 1
        return bytes(whole)
    flags, method = (1, 0) if how == "encrypted" else (0, 99)
    for at in (6, whole.index(b"PK\x01\x02") + 8):
        whole[at : at + 4] = bytes([flags, 0, method, 0])
    return bytes(whole)


@pytest.mark.parametrize("how", ["damaged", "encrypted", "packed in an unknown way"])
def test_a_member_that_cannot_be_unpacked_hides_none_of_those_behind_it(how: str) -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as writing:
        writing.writestr("a", b"nothing of interest")
    told = [("archive", "!/a (not looked through: it cannot be unpacked)"), ("private key", "!/b/notes")]
    assert found(spoilt(plain.getvalue(), how)) == told


@pytest.mark.parametrize("way", WAYS)
def test_an_archive_that_is_cut_off_is_told_as_not_looked_through(way: str) -> None:
    whole = WAYS[way][0](b"nothing of interest " * 40)
    cut = whole[: len(whole) - 30] if way != "tar" else whole[:700]
    assert {kind for kind, _ in found(cut)} == {"archive"}


def test_an_archive_of_too_many_members_is_told_as_not_looked_through() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        for number in range(nested_archives.MEMBERS_AT_MOST + 1):
            writing.writestr(str(number), b"")
    assert found(archive.getvalue()) == [("archive", " (not looked through: too much in it)")]


@given(way=st.sampled_from(list(WAYS)), data=st.data())
def test_a_damaged_archive_is_no_traceback(way: str, data: st.DataObject) -> None:
    whole = WAYS[way][0](KEY)
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :]
    assert isinstance(found(damaged) if nested_archives.is_archive(damaged) else [], list)


def v7(name: str, data: bytes) -> bytes:
    """A tar archive from before POSIX: a header without magic, that its checksum alone tells."""
    header = bytearray(tarred(name, data))
    header[257:512] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


def test_a_tar_archive_without_magic_is_known_by_its_checksum() -> None:
    old = v7("a/notes", KEY)
    assert nested_archives.is_archive(old[:512])
    assert found(old) == [("private key", "!/a/notes")]


@pytest.mark.parametrize("digits", [b"%06o\0 ", b"%6o\0 ", b"%07o\0", b"%06o \0"])
def test_a_checksum_is_known_however_its_digits_are_ended(digits: bytes) -> None:
    old = bytearray(v7("notes", KEY))
    old[148:156] = digits % int(old[148:154], 8)
    assert nested_archives.is_archive(bytes(old))


@pytest.mark.parametrize("at", [0, 147, 153, 156, 511])
def test_what_only_looks_like_a_tar_archive_s_header_is_none(at: int) -> None:
    old = bytearray(v7("notes", KEY))
    old[at] ^= 1
    assert not nested_archives.is_archive(bytes(old))
    assert not nested_archives.is_archive(v7("notes", KEY)[:511])


def test_a_tar_archive_behind_another_is_looked_into() -> None:
    assert found(tarred("notes", b"nothing of interest") + tarred("b/notes", KEY)) == [("private key", "!/b/notes")]


@pytest.mark.parametrize(("behind", "extra"), [(b"MZ\0\1 a program\0", b""), (b"\x7fELF" + bytes(300), b"x" * 99)])
def test_a_zip_archive_behind_anything_is_found_from_its_end(behind: bytes, extra: bytes) -> None:
    data = behind + zipped("notes", KEY) + extra
    assert nested_archives.is_archive(data[:400])
    assert found(data) == [("private key", "!/notes")]
    assert found(gzip.compress(data)) == [("private key", "!/notes")]


@pytest.mark.parametrize("number", [4, 5, 9])  # of the version and the method
def test_a_number_that_looks_like_a_zip_archive_s_first_is_none(number: int) -> None:
    data = bytearray(b"MZ" + zipped("notes", KEY))
    data[2 + number] = 0x7F
    assert not nested_archives.is_archive(bytes(data))


def test_what_a_zip_archive_lies_behind_is_judged_itself_too() -> None:
    both = zipped("notes", KEY + zipped(".env", b"A=1"))
    assert found(both) == [("environment", "!/notes!/.env"), ("private key", "!/notes")]


def test_a_zip_archive_s_beginning_without_its_end_is_no_archive() -> None:
    torn = b"MZ" + zipped("notes", KEY)[:60]
    assert nested_archives.is_archive(torn)
    assert found(torn) == []
    deep = gzip.compress(gzip.compress(gzip.compress(torn)))
    assert found(deep) == []


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
@pytest.mark.parametrize("name", [".git/HEAD", "./.git/objects/ab/cd", "a/.git/config"])
def test_a_directory_that_has_no_entry_of_its_own_is_told_once(pack: Callable[[str, bytes], bytes], name: str) -> None:
    place = f"!/{name.partition('.git')[0]}.git"
    assert found(pack(name, b"x")) == [("git", place)]
    assert found(gzip.compress(pack(name, b"x"))) == [("git", place)]


def test_a_directory_of_an_archive_within_an_archive_is_told_with_both_paths() -> None:
    assert found(zipped("a.tar", tarred("b/.git/HEAD", b"x"))) == [("git", "!/a.tar!/b/.git")]
    assert found(zipped("a/.gitignore", b"x")) == []


def test_a_zip_archive_behind_a_script_s_first_line_is_looked_into() -> None:
    assert found(b"#!/usr/bin/env python3\n" + zipped("notes", KEY)) == [("private key", "!/notes")]


def test_a_key_deep_in_an_archive_s_member_is_found() -> None:
    assert found(zipped("notes", b"x\n" * 100_000 + KEY)) == [("private key", "!/notes")]


def test_a_script_in_an_archive_that_is_no_zip_is_judged_itself() -> None:
    assert found(zipped("notes", b"#!/bin/sh\nPK\x03\x04\n" + KEY)) == [("private key", "!/notes")]
