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

from deploy import packed
from deploy.files import leftover
from tests.unit.deploy.archives import file, read

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
    return packed.look_into(data[:100], io.BytesIO(data[100:]), leftover)


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_found_in_an_archive_whatever_its_form(way: str) -> None:
    pack, path = WAYS[way]
    assert packed.is_archive(pack(KEY)[:300])
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
        gzip.compress(bytes(packed.AT_MOST + 1)),
        zipped("zeros", bytes(packed.AT_MOST + 1)),
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
    monkeypatch.setattr(packed, "AT_MOST", len(data) - 10 + len(KEY) - short)
    told = packed.look_into(data[:10], io.BytesIO(data[10:]), leftover)
    assert told == [("archive", " (not looked through: too much in it)") if short else ("private key", "")]


def test_a_longer_archive_than_the_bound_is_told_as_such_and_not_as_a_damaged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = zipped("notes", KEY)
    monkeypatch.setattr(packed, "AT_MOST", len(data) - 11)
    told = packed.look_into(data[:10], io.BytesIO(data[10:]), leftover)
    assert told == [("archive", " (not looked through: too much in it)")]


@pytest.mark.parametrize("members", [3, 4])
def test_the_bound_in_members_is_of_all_that_lie_in_an_archive(monkeypatch: pytest.MonkeyPatch, members: int) -> None:
    monkeypatch.setattr(packed, "MEMBERS_AT_MOST", 3)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writing:
        for number in range(members):
            writing.writestr(str(number), b"")
    assert bool(found(archive.getvalue())) == (members > 3)


def test_a_text_that_only_speaks_of_an_archive_is_none() -> None:
    assert not packed.is_archive(b"zip archives begin with PK\x03\x04")


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
        for number in range(packed.MEMBERS_AT_MOST + 1):
            writing.writestr(str(number), b"")
    assert found(archive.getvalue()) == [("archive", " (not looked through: too much in it)")]


@given(way=st.sampled_from(list(WAYS)), data=st.data())
def test_a_damaged_archive_is_no_traceback(way: str, data: st.DataObject) -> None:
    whole = WAYS[way][0](KEY)
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :]
    assert isinstance(found(damaged) if packed.is_archive(damaged) else [], list)


def test_a_zip_archive_behind_a_script_s_first_line_is_looked_into() -> None:
    assert found(b"#!/usr/bin/env python3\n" + zipped("notes", KEY)) == [("private key", "!/notes")]


def test_a_key_deep_in_an_archive_s_member_is_found() -> None:
    assert found(zipped("notes", b"x\n" * 100_000 + KEY)) == [("private key", "!/notes")]


def test_a_script_in_an_archive_that_is_no_zip_is_judged_itself() -> None:
    assert found(zipped("notes", b"#!/bin/sh\nPK\x03\x04\n" + KEY)) == [("private key", "!/notes")]
