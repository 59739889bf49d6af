"""Files that give whoever runs them other rights (setuid, setgid, capabilities), and what takes them away."""

import stat
from dataclasses import replace

import pytest

from tests.support.archives import Member, file, hardlink, read, removed

TOOL = file("usr/bin/tool", b"\x7fELF")
SETUID, SETGID = replace(TOOL, mode=0o755 | stat.S_ISUID), replace(TOOL, mode=0o755 | stat.S_ISGID)
CAPABLE = replace(TOOL, headers=(("SCHILY.xattr.security.capability", "\x01\x00"),))


def privileged(*layers: list[Member]) -> list[str]:
    return list(read([file("etc/hostname")], *layers).privileged)


@pytest.mark.parametrize("member", [SETUID, SETGID, CAPABLE], ids=["setuid", "setgid", "capability"])
def test_a_file_that_gives_other_rights_is_told(member: Member) -> None:
    assert privileged([member]) == ["/usr/bin/tool"]
    assert privileged([], [member]) == ["/usr/bin/tool"]


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o755 | stat.S_ISVTX])
def test_an_ordinary_program_gives_none(mode: int) -> None:
    assert privileged([replace(TOOL, mode=mode, headers=(("SCHILY.xattr.user.note", "x"),))]) == []


def test_what_the_base_image_brings_counts_until_a_layer_takes_the_rights_or_the_file_away() -> None:
    assert read([SETUID]).privileged == {"/usr/bin/tool": 0}
    assert read([SETUID], [removed("usr/bin/tool")]).privileged == {}
    assert read([SETUID], [TOOL]).privileged == {}


def test_a_base_s_file_that_a_layer_gives_other_rights_is_told() -> None:
    assert read([TOOL], [SETUID]).privileged == {"/usr/bin/tool": 1}


def test_what_a_later_layer_removes_gives_nobody_rights() -> None:
    assert privileged([SETUID], [removed("usr/bin/tool")]) == []


def test_another_name_for_the_base_s_file_is_none_of_the_layer_s() -> None:
    assert read([TOOL, file("usr/bin/other")], [SETUID], [hardlink("usr/bin/tool", "usr/bin/other")]).privileged == {}


def test_rights_that_a_later_layer_takes_away_are_gone() -> None:
    assert privileged([SETUID], [TOOL]) == []
    assert read([file("x")], [TOOL], [SETUID], [TOOL], [file("y")]).privileged == {}


def test_each_name_of_such_a_file_is_told_with_the_layer_that_holds_it() -> None:
    found = read([file("x")], [file("y")], [SETUID, hardlink("usr/bin/again", "usr/bin/tool")])
    assert found.privileged == {"/usr/bin/again": 2, "/usr/bin/tool": 2}


EMPTY = file("usr/bin/tool")


@pytest.mark.parametrize("below", [SETUID, SETGID, CAPABLE], ids=["setuid", "setgid", "capability"])
def test_an_empty_file_in_place_of_one_that_gives_rights_takes_them_and_nothing_else(below: Member) -> None:
    found = read([below], [EMPTY])
    assert (found.privileged, found.layers[1].replaced, found.others) == ({}, {}, [])


def test_so_does_an_empty_file_for_each_of_its_names() -> None:
    found = read([SETUID, hardlink("usr/bin/again", "usr/bin/tool")], [file("usr/bin/again")], [EMPTY])
    assert (found.privileged, [one.replaced for one in found.layers], found.others) == ({}, [{}, {}, {}], [])


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (TOOL, EMPTY), (SETUID, file("usr/bin/tool", "x")), (SETUID, replace(EMPTY, mode=0o755)),
        (SETUID, replace(EMPTY, mode=0o444 | stat.S_ISUID)), (SETUID, hardlink("usr/bin/tool", "usr/bin/other")),
    ],
    ids=["of a plain file", "by some bytes", "by a program", "by one that gives rights", "by a second name"],
)  # fmt: skip
def test_whatever_else_takes_a_file_s_place_is_told(below: Member, above: Member) -> None:
    found = read([below, file("usr/bin/other")], [above])
    assert found.layers[1].replaced == {"/usr/bin/tool": 0}
    assert [one.path for one in found.others] == ["/usr/bin/tool"]


def test_an_empty_file_is_told_where_the_rights_had_gone_before() -> None:
    found = read([SETUID], [replace(TOOL, mode=0o644)], [EMPTY])
    assert [one.replaced for one in found.layers] == [{}, {"/usr/bin/tool": 0}, {"/usr/bin/tool": 1}]
