"""What an image lets its own user write elsewhere than it is meant to: by owner, by group, by mode, wherever it is."""

from dataclasses import replace

import pytest

from tests.support.archives import Member, directory, emptied, file, hardlink, read, removed, symlink

ETC = replace(directory("etc"), mode=0o755)
TOOL = replace(file("opt/lib/tool.py"), mode=0o644)
PASSWD = file("etc/passwd", "root:x:0:0:::\nktrdr:x:10001:10002:::\n")
GROUP = file("etc/group", "ours:x:10002:\nmore:x:10003:ktrdr\n")
BASE = [file("bin/sh"), ETC, TOOL, PASSWD, GROUP]


def writable(*layers: list[Member], user: str = "10001") -> list[str]:
    return list(read(BASE, *layers, user=user).writable)


@pytest.mark.parametrize("member", [ETC, TOOL], ids=["a directory", "a file"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, False),
        ({"owner": (10001, 0)}, True),
        ({"owner": (10001, 0), "mode": 0o500}, True),  # who owns it may change its mode
        ({"owner": (10002, 10004), "mode": 0o775}, False),
        ({"mode": 0o757}, True),
        ({"mode": 0o1777}, True),
        ({"mode": 0o775}, False),  # root's group
        ({"owner": (0, 10002), "mode": 0o775}, True),  # its own group, by passwd(5)
        ({"owner": (0, 10003), "mode": 0o775}, True),  # one more, by group(5)
        ({"owner": (0, 10002), "mode": 0o755}, False),
        ({"owner": (0, 10004), "mode": 0o775}, False),
    ],
)
def test_owner_group_and_mode_decide(member: Member, change: dict[str, object], *, told: bool) -> None:
    changed = replace(member, **change)  # type: ignore[arg-type]  # fields of a member
    assert writable([changed]) == [f"/{member.path}"] * told


def test_a_group_in_the_configuration_takes_the_place_of_the_account_s_own() -> None:
    shared = [replace(TOOL, owner=(0, 10002), mode=0o664)]
    assert writable(shared, user="10001:10001") == []
    assert writable(shared, user="10001:10002") == ["/opt/lib/tool.py"]


@pytest.mark.parametrize("path", ["home", "home/ktrdr/x", "tmp", "tmp/x", "var/tmp", "data", "data/x"])
def test_where_users_are_meant_to_write_they_may(path: str) -> None:
    assert writable([replace(directory(path), owner=(10001, 10001), mode=0o755)]) == []


@pytest.mark.parametrize("path", ["homes", "database", "opt/data", "opt/tmp/x"])
def test_a_directory_of_a_similar_name_is_none_of_these(path: str) -> None:
    assert writable([replace(directory(path), owner=(10001, 10001))]) == [f"/{path}"]


def test_what_the_base_image_lets_it_write_is_the_base_s() -> None:
    assert read([*BASE, replace(TOOL, mode=0o666)], [file("x")], user="10001").writable == {}


@pytest.mark.parametrize(
    "mended", [TOOL, removed("opt/lib/tool.py"), removed("opt"), emptied("opt/lib"), symlink("opt/lib/tool.py", "x"),
               hardlink("opt/lib/tool.py", "bin/sh")],
)  # fmt: skip
def test_what_a_later_layer_mends_is_no_fault(mended: Member) -> None:
    assert writable([replace(TOOL, mode=0o666)], [mended]) == []


def test_what_a_later_layer_leaves_alone_stays_one() -> None:
    assert writable([replace(TOOL, mode=0o666)], [file("opt/lib/tool"), emptied("opt/li")]) == ["/opt/lib/tool.py"]


def test_the_first_hundred_are_kept_of_the_highest_layers() -> None:
    found = writable([replace(file(f"opt/{number:03}"), mode=0o666) for number in range(120)])
    assert found == [f"/opt/{number:03}" for number in range(100)]
    more = [replace(file(f"srv/{number:03}"), mode=0o666) for number in range(99)]
    both = read(BASE, [replace(file(f"opt/{number:03}"), mode=0o666) for number in range(120)], more).writable
    assert both == {"/opt/000": 1, **{f"/srv/{number:03}": 2 for number in range(99)}}


def test_it_is_told_with_the_layer_that_lets_the_user_write() -> None:
    assert read(BASE, [TOOL], [replace(TOOL, mode=0o666)], [file("x")], user="10001").writable == {
        "/opt/lib/tool.py": 2
    }


def test_nobody_known_may_write_what_is_nobody_s() -> None:
    assert writable([replace(TOOL, owner=(5, 5), mode=0o664)], user="nobody") == []


def test_data_that_a_link_leads_to_is_data() -> None:
    contents = read(BASE, [symlink("data", "/srv/data"), file("srv/data/x.db")])
    assert [one.path for one in contents.others] == ["/data", "/srv/data/x.db"]


def test_a_file_of_two_names_is_the_user_s_by_either() -> None:
    own = replace(file("home/ktrdr/cache/core.so"), owner=(10001, 0), mode=0o644)
    assert writable([own, hardlink("opt/lib/core.so", "home/ktrdr/cache/core.so")]) == ["/opt/lib/core.so"]
