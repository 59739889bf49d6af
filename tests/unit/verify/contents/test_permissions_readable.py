"""Whether an image lets its own user read what its distributions hold: by owner, by group, by mode, and on the way."""

from dataclasses import replace

import pytest

from tests.support.archives import (
    Member,
    archive,
    chunks,
    config,
    diff_id,
    directory,
    distribution,
    file,
    layer,
    read,
    removed,
)
from verify.contents.archive import read_layers
from verify.contents.inventory import inventory

SITE = "opt/x/site-packages"
BASE = [
    file("bin/sh"),
    file("etc/passwd", "root:x:0:0:::\nktrdr:x:10001:10002:::\n"),
    file("etc/group", "ours:x:10002:\n"),
]
MODULE, SCRIPT = replace(file(f"{SITE}/a/m.py"), mode=0o644), replace(file("bin/a"), mode=0o755)
PACKAGE = replace(directory(f"{SITE}/a"), mode=0o755)
WHOLE = [
    *(replace(directory(one), mode=0o755) for one in ("opt", "opt/x", SITE)),
    PACKAGE, *distribution("a", "1", MODULE, SCRIPT, site=SITE),
]  # fmt: skip


def unreadable(*members: Member, user: str = "10001") -> list[str]:
    return list(read(BASE, WHOLE, [*members], user=user).unreadable)


def test_what_everybody_may_read_is_readable() -> None:
    assert unreadable(file("srv/x")) == []


@pytest.mark.parametrize("member", [MODULE, SCRIPT, PACKAGE], ids=["a module", "a script", "a directory"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mode": 0o700}, True),
        ({"mode": 0o750}, True),
        ({"mode": 0o750, "owner": (0, 10002)}, False),
        ({"mode": 0o705, "owner": (0, 10002)}, True),  # a member of the group is not one of the others
        ({"mode": 0o700, "owner": (10001, 0)}, False),
        ({"mode": 0o277, "owner": (10001, 0)}, True),
    ],
)
def test_owner_group_and_mode_decide(member: Member, change: dict[str, object], *, told: bool) -> None:
    changed = replace(member, **change)  # type: ignore[arg-type]  # fields of a member
    assert unreadable(changed) == [f"/{member.path}"] * told
    assert unreadable(changed, user="0") == []


def test_a_directory_has_to_be_passed_through_as_well() -> None:
    assert unreadable(replace(PACKAGE, mode=0o744)) == [f"/{SITE}/a"]
    assert unreadable(replace(MODULE, mode=0o744)) == []
    assert unreadable(replace(directory("opt"), mode=0o750)) == ["/opt"]
    assert unreadable(replace(directory("."), mode=0o750)) == ["/"]
    assert unreadable(replace(MODULE, mode=0o644, owner=(0, 10004))) == []


@pytest.mark.parametrize("path", ["root/.profile", "etc/shadow", f"{SITE}/b/m.py"])
def test_what_is_no_distribution_s_need_not_be_read(path: str) -> None:
    assert unreadable(replace(file(path), mode=0o600)) == []


def test_what_lies_where_processes_start_is_needed_too() -> None:
    closed = [replace(file("app/ktrdr/m.py"), mode=0o600), replace(file("apple/m.py"), mode=0o600)]
    packed = [layer(*members) for members in (BASE, WHOLE, closed)]
    known, names = read_layers(chunks(archive(packed))), [diff_id(one) for one in packed]
    for start, told in {"/app": ["/app/ktrdr/m.py"], "/": [], "": []}.items():
        image = config(names, user="10001", working_directory=start)
        assert list(inventory(known, image).unreadable) == told


def test_where_processes_start_the_user_may_enter() -> None:
    packed = [layer(*BASE, *WHOLE), layer(replace(directory("app"), mode=0o700))]
    known, names = read_layers(chunks(archive(packed))), [diff_id(one) for one in packed]
    for start, told in {"/app": ["/app"], "/opt": []}.items():
        assert list(inventory(known, config(names, user="10001", working_directory=start)).unreadable) == told


def test_what_a_later_layer_mends_or_removes_is_no_matter() -> None:
    closed = [replace(MODULE, mode=0o600)]
    assert read(BASE, WHOLE, closed, [MODULE], user="10001").unreadable == {}
    assert read(BASE, WHOLE, closed, [removed(f"{SITE}/a")], user="10001").unreadable == {}


@pytest.mark.parametrize(
    ("member", "mode", "kept"),
    [
        (file("x"), 0o644, False),
        (directory("x"), 0o755, False),
        (file("x"), 0o640, True),
        (directory("x"), 0o754, True),
    ],
)
def test_rights_that_most_files_have_are_not_kept(member: Member, mode: int, *, kept: bool) -> None:
    (found,) = read_layers(chunks(archive([layer(replace(member, mode=mode))]))).values()
    assert found.permissions == ({"/x": (0, 0, mode)} if kept else {})


def test_a_directory_of_the_base_that_is_closed_to_the_user_is_unreadable() -> None:
    certificates = replace(directory("etc/ssl"), mode=0o755)
    base = [*BASE, certificates, replace(directory("etc/keys"), mode=0o700)]
    closed = [replace(certificates, mode=0o700), replace(directory("etc/keys"), mode=0o700)]
    assert read(base, WHOLE, closed, user="10001").unreadable == {"/etc/ssl": 2}
