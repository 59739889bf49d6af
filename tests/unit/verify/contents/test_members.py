"""Which members of a layer are deletions, and what a file with several names is read as: the same in both ways."""

import os
import socket
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.archives import SITE, Member, directory, file, hardlink, symlink
from tests.support.overlays import exported, untimed
from tests.unit.verify.contents.test_in_place import SECRET, of, same
from verify.contents import in_place
from verify.contents.members import shown
from verify.contents.raw_layer import RawLayer, UnreadableArchive


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A layer's directory with a directory in it."""
    (tmp_path / "layer/srv").mkdir(parents=True)
    return tmp_path / "layer"


def read(top: Path, monkeypatch: pytest.MonkeyPatch) -> RawLayer:
    monkeypatch.setattr(in_place, "_sees_trusted", lambda: True)
    (found,) = in_place.read_layers([str(top)], [])
    return found


def test_a_file_with_the_name_of_a_whiteout_deletes_nothing_and_is_told(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "srv/.wh.a").touch(0o644)
    (top / "srv/.wh.key").write_bytes(SECRET)
    (top / "srv/.wh.place").mkdir()
    (top / "srv/.wh.place/b").write_bytes(b"b")
    (top / "srv/.wh.link").symlink_to("a")
    (top / "srv/.wh..wh..opq").touch(0o644)
    found = read(top, monkeypatch)
    assert same(found, of(*exported(top)))
    assert (found.removed, found.emptied) == ([], [])
    assert {"/srv/.wh.a", "/srv/.wh.place/b", "/srv/.wh.link"} <= set(found.paths)
    names = ("..wh..opq", ".a", ".key", ".link", ".place")
    assert [path for kind, path in found.misplaced if kind == "whiteout"] == [f"/srv/.wh{name}" for name in names]
    assert ("private key", "/srv/.wh.key") in found.misplaced


@pytest.mark.parametrize(
    ("member", "removed", "emptied"),
    [
        (Member("a/.wh.b", mode=0o600), ["/a/b"], []),
        (Member("a/.wh.b", mode=0), ["/a/b"], []),
        (Member("a/.wh..wh..opq", mode=0o755, owner=(1000, 1000)), [], ["/a"]),
        (Member("a/.wh..wh..opq", mode=0), [], ["/a"]),
        (Member("a/.wh..wh..opq", mode=0o600), ["/a/.wh..opq"], []),
    ],
)
def test_the_deletions_of_an_export_are_those_that_engines_write(
    member: Member, removed: list[str], emptied: list[str]
) -> None:
    found = of(member)
    assert (found.removed, found.emptied, found.misplaced, found.paths) == (removed, emptied, [], [])


@pytest.mark.parametrize(
    "member",
    [
        Member("a/.wh.b", mode=0o644),
        Member("a/.wh.b", mode=0o600, owner=(1000, 0)),
        Member("a/.wh.b", b"b", mode=0o600),
        Member("a/.wh.b", kind=tarfile.FIFOTYPE, mode=0o600),
        Member("a/.wh..wh..opq", mode=0o644),
        directory("a/.wh.b"),
        symlink("a/.wh.b", "c"),
        hardlink("a/.wh.b", "c"),
    ],
)
def test_any_other_member_with_such_a_name_is_misplaced_and_deletes_nothing(member: Member) -> None:
    found = of(member)
    assert (found.removed, found.emptied) == ([], [])
    assert found.misplaced == [("whiteout", f"/{member.path}")]


def test_a_file_with_several_names_is_read_alike_in_both_ways(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"{SITE}/z.py"
    (top / SITE).mkdir(parents=True)
    (top / source).write_bytes(SECRET)
    (top / "app").mkdir()
    for name in ("app/z.p12", "var.txt"):
        os.link(top / source, top / name)
    found = read(untimed(top), monkeypatch)
    assert "/app/z.p12" not in found.facts
    directories = [member for member in exported(top) if member.kind == tarfile.DIRTYPE]
    for first in (source, "app/z.p12", "var.txt"):
        links = sorted({"app/z.p12", source, "var.txt"} - {first})
        assert same(found, of(*directories, file(first, SECRET), *(hardlink(name, first) for name in links)))


def test_an_export_is_refused_where_it_has_a_file_first_under_a_name_that_is_read_less_of() -> None:
    assert of(file(f"{SITE}/a.py", "a"), hardlink("var.txt", f"{SITE}/a.py")).facts[f"/{SITE}/a.py"].sha256
    with pytest.raises(UnreadableArchive, match=r"a hard link of /var\.txt"):
        of(file("var.txt", "a"), hardlink(f"{SITE}/a.py", "var.txt"))
    with pytest.raises(UnreadableArchive, match="/etc/shadow is a hard link"):
        of(file("srv/pyvenv.cfg", "root:secret:"), hardlink("etc/shadow", "srv/pyvenv.cfg"))


def test_what_a_file_holds_is_told_under_the_first_of_its_names() -> None:
    found = of(file("opt/z.p12", SECRET), hardlink("opt/a.txt", "opt/z.p12"))
    assert found.misplaced == [("private key", "/opt/a.txt")]
    assert same(found, of(file("opt/a.txt", SECRET), hardlink("opt/z.p12", "opt/a.txt")))


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_a_pipe_or_a_device_does_not_belong_in_a_layer(kind: bytes) -> None:
    found = of(Member("opt/a", kind=kind))
    assert (found.special, found.removed, found.paths) == (["/opt/a"], ["/opt/a"], [])


def test_a_socket_does_not_belong_in_a_layer_and_hides_what_lay_there(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(top / "srv")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    found = read(top, monkeypatch)
    assert (found.special, found.removed) == (["/srv/socket"], ["/srv/socket"])


@pytest.mark.parametrize(
    "header", ["SCHILY.acl.access", "SCHILY.acl.default", "SCHILY.xattr.system.posix_acl_access", "SCHILY.acl.x"]
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_an_access_control_list_is_told(header: str, kind: bytes) -> None:
    found = of(Member("opt/a", kind=kind, mode=0o755, headers=((header, "x"),)))
    assert found.misplaced == [("access control list", "/opt/a")]
    assert of(Member("opt/a", kind=kind, headers=(("SCHILY.xattr.user.acl", "x"),))).misplaced == []


NAMES = st.lists(st.sampled_from(["\\", "x", "e9", "5c", "\udce9", "a", "\\xe9", "\\x5c"]), max_size=6).map("".join)


@given(NAMES, NAMES)
@settings(deadline=None)
def test_no_two_names_are_shown_alike(one: str, other: str) -> None:
    assert (shown(one) == shown(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("caf\udce9", "caf\\xe9"), ("caf\\xe9", "caf\\x5cxe9"), ("caf\\x5cxe9", "caf\\x5cx5cxe9"),
        ("system\\x2dcrypt", "system\\x2dcrypt"), ("a\\b", "a\\b"), ("é", "é"),
    ],
)  # fmt: skip
def test_a_name_is_shown_as_it_is_where_no_other_looks_like_it(name: str, text: str) -> None:
    assert shown(name) == text


def test_nobody_reads_below_a_path_that_programs_cannot_name(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(top)
    for number in range(45):
        Path(f"{number:0100}").mkdir()
        os.chdir(f"{number:0100}")
        if number in (10, 34, 36):
            Path(".env").write_bytes(b"x")
    found = read(top, monkeypatch)
    names = [f"{number:0100}" for number in range(45)]
    paths = ["/".join(names[: depth + 1]) for depth in range(45)]
    deep = [replace(directory(path), mode=0o755) for path in ("srv", *paths)]
    exported = of(*deep, *(file(f"{paths[depth]}/.env", "x") for depth in (10, 34, 36)))
    assert same(replace(found, listing=""), replace(exported, listing=""))  # times can be set at no such path
    assert [kind for kind, _ in found.misplaced] == ["path too long"]
    assert list(found.sizes) == [f"/{paths[10]}/.env"]
