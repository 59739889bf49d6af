"""Files that stand between an image's Python and what it reports, and what a later layer replaces."""

import tarfile
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.archives import (
    SITE,
    Member,
    directory,
    distribution,
    emptied,
    file,
    hardlink,
    read,
    removed,
    symlink,
)
from verify.contents.hooks import is_hook
from verify.contents.model import Contents, Layer


@pytest.mark.parametrize(
    "path",
    [
        f"/{SITE}/lies.pth",
        f"/{SITE}/sitecustomize.py",
        "/usr/lib/python3/dist-packages/usercustomize.py",
        "/usr/lib/python3.11/sitecustomize.py",
        "/etc/ld.so.preload",
        "/usr/lib/python3.11/json/decoder.py",
        "/usr/local/lib/python3.11/os.py",
        f"/{SITE}/sitecustomize/__init__.py",
        f"/{SITE}/sitecustomize.pyc",
        f"/{SITE}/usercustomize.cpython-311-x86_64-linux-gnu.so",
        f"/{SITE}/usercustomize",
        "/app/sitecustomize.cpython-311-aarch64-linux-gnu.so",
        "/usr/local/lib/python311.zip",
    ],
)
def test_a_file_that_changes_what_any_process_does_is_known(path: str) -> None:
    assert is_hook(path)


@pytest.mark.parametrize(
    "path",
    [
        f"/{SITE}/torch/lies.pth",
        f"/{SITE}/json/__init__.py",
        "/usr/lib/python3.11/site-packages/x.py",
        f"/{SITE}/tool/sitecustomize_help.py",
        "/app/json.py",
        "/app/sitecustomize.csv",
    ],
)
def test_an_ordinary_file_is_not_taken_for_one(path: str) -> None:
    assert not is_hook(path)


@pytest.mark.parametrize(("length", "kept"), [(65_536, True), (65_537, False)])
def test_a_text_is_kept_whole_or_not_at_all(length: int, kept: bool) -> None:  # noqa: FBT001 - a parameter of the test
    text = "#" * (length - 5) + "\nlies"
    contents = read([file("x")], [file(f"{SITE}/lies.pth", text), file("opt/venv/pyvenv.cfg", text)])
    assert [one.text for one in contents.hooks] == [text if kept else ""]
    assert contents.environments == {"/opt/venv/pyvenv.cfg": text if kept else ""}


def test_an_environment_that_is_a_link_is_told_without_text() -> None:
    contents = read([file("x")], [symlink("opt/venv/pyvenv.cfg", "/opt/x"), file("opt/x", "home = /usr/bin")])
    assert contents.environments == {"/opt/venv/pyvenv.cfg": ""}


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ([symlink("opt/l", "/srv/w"), symlink("opt/x", "/opt/l/../bin")], "/srv/bin/python"),
        ([symlink("opt/x", "/" + "a/../" * 300 + "usr/bin")], "/usr/bin/python"),
        ([symlink("opt/x", "/proc/self/cwd")], None),
    ],
)
def test_links_to_the_interpreter_are_followed_as_linux_follows_them(links: list[Member], path: str | None) -> None:
    contents = read([file("usr/bin/python")], [*links, file("opt/bin/python"), file("srv/bin/python")], path="/opt/x")
    assert (contents.interpreter.path if contents.interpreter else None) == path


@pytest.mark.parametrize(("links", "found"), [(40, True), (41, False)])
def test_as_many_links_are_followed_as_linux_follows(links: int, found: bool) -> None:  # noqa: FBT001 - a parameter of the test
    chain = [symlink(f"opt/l{number}", f"/opt/l{number + 1}") for number in range(links - 1)]
    members = [file("usr/bin/python"), *chain, symlink(f"opt/l{links - 1}", "/usr/bin")]
    assert (read(members, path="/opt/l0").interpreter is not None) is found


def test_where_the_lines_of_a_start_up_file_lead_is_told_with_links_followed() -> None:
    text = "# a comment\n\nimport sys\nimport\tos\n/data/plugins \n../extra\n/opt/link\n"
    (hook,) = read([file("x")], [file(f"{SITE}/one.pth", text), symlink("opt/link", "/data")]).hooks
    assert hook.leads == ["/data/plugins", f"/{SITE.rpartition('/')[0]}/extra", "/data"]


def test_a_hook_is_told_with_path_layer_and_owner() -> None:
    owned = distribution("tool", "1.0", file(f"{SITE}/tool.pth", "x"))
    contents = read([file("usr/lib/python3.11/sitecustomize.py")], [*owned, file(f"{SITE}/lies.pth", "x")])
    assert [(one.path, one.layer, one.distribution) for one in contents.hooks] == [
        (f"/{SITE}/lies.pth", 1, ""), (f"/{SITE}/tool.pth", 1, "tool"),
    ]  # fmt: skip


def test_a_hook_that_a_later_layer_removes_is_none() -> None:
    assert read([file("x")], [file(f"{SITE}/lies.pth", "x")], [removed(f"{SITE}/lies.pth")]).hooks == []


def replaced(*layers: list[Member]) -> list[dict[str, int]]:
    return [one.replaced for one in read(*layers).layers]


@pytest.mark.parametrize(
    "member",
    [file("usr/bin/python", "other"), symlink("usr/bin/python", "/x"), hardlink("usr/bin/python", "srv/x"),
     removed("usr/bin/python"), directory("usr/bin/python")],
    ids=["written again", "by a link", "by a hard link", "removed", "by a directory"],
)  # fmt: skip
def test_a_file_of_an_earlier_layer_that_is_replaced_is_told(member: Member) -> None:
    assert replaced([file("usr/bin/python", "base")], [file("srv/x"), member]) == [{}, {"/usr/bin/python": 0}]


@pytest.mark.parametrize("member", [emptied("usr"), removed("usr"), file("usr")])
def test_all_that_is_replaced_with_its_directory_is_told(member: Member) -> None:
    below = [file("usr/bin/a"), file("usr/lib/b/c"), file("user"), file("usr/share/doc/d")]
    assert replaced(below, [file("x")], [member]) == [{}, {}, {"/usr/bin/a": 0, "/usr/lib/b/c": 0}]


@pytest.mark.parametrize("slashes", ["/", "//", "/./", "///"])
def test_a_member_with_an_absolute_name_lies_where_a_container_sees_it(slashes: str) -> None:
    contents = read(
        [file("etc/passwd", "root:x:0:0\n"), file("usr/bin/tool", 5)],
        [
            file(f"{slashes}etc/passwd", "root::0:0\n"),
            file(f"{slashes}tmp/left", 1),
            file(f"{slashes}etc/ld.so.preload", "x"),
            removed(f"{slashes}usr/bin/tool"),
            file("usr/bin/other", 7),
            hardlink(f"{slashes}usr/lib/python3.11/os.py", f"{slashes}usr/bin/other"),
        ],
    )
    assert contents.accounts == ["/etc/passwd: root has no password"]
    assert {one.path for one in contents.others} >= {"/etc/ld.so.preload", "/tmp/left"}
    assert {one.path for one in contents.hooks} == {"/etc/ld.so.preload", "/usr/lib/python3.11/os.py"}
    assert contents.layers[1].replaced == {"/usr/bin/tool": 0}


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        *((path, True) for path in ("bin/sh", "sbin/x", "lib/x.so", "lib64/ld.so", "usr/libexec/x", "usr/local/bin/x",
                                    "usr/local/lib/python3.11/os.py", "usr/share/zoneinfo/UTC", "etc/ssl/openssl.cnf",
                                    "etc/ld.so.conf", "etc/ld.so.conf.d/a.conf", "etc/profile", "etc/python3/x.conf",
                                    "etc/nsswitch.conf", "etc/alternatives/awk")),
        *((path, False) for path in ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/ld.so.cache",
                                     "etc/localtime", "etc/motd", "usr/share/doc/a/copyright", "usr/share/man/x",
                                     "var/lib/dpkg/status", "opt/a", "home/x", "usr/games/x", "srv/bin/x")),
    ],
)  # fmt: skip
def test_only_what_programs_python_and_the_loader_read_counts(path: str, *, counts: bool) -> None:
    assert replaced([file(path)], [file(path, "x")]) == [{}, {f"/{path}": 0} if counts else {}]
    assert replaced([file(path)], [removed(path)]) == [{}, {f"/{path}": 0} if counts else {}]


def test_what_a_package_manager_has_to_write_again_repeats_nothing() -> None:
    paths = {"var/lib/dpkg/status": 5, "var/cache/debconf/x.dat": 7, "var/log/dpkg.log": 9, "etc/ld.so.cache": 11}
    layers = [[file(path, size) for path, size in {**paths, "opt/a": 3}.items()] for _ in range(2)]
    assert [layer.repeated_bytes for layer in read(*layers).layers] == [0, 3]


def test_new_files_replace_nothing() -> None:
    assert replaced([file("a")], [file("b"), directory("usr")], [file("usr/c")]) == [{}, {}, {}]


def test_no_more_than_a_hundred_replaced_paths_are_kept() -> None:
    below = [file(f"{place}/{number:03}") for place in ("etc/cron.d", "usr/lib") for number in range(150)]
    assert [len(one) for one in replaced(below, [removed("usr"), removed("etc")])] == [0, 100]


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


@pytest.mark.parametrize("key", [name for name in Contents.model_fields if name != "schema_"])
def test_kept_contents_that_lack_a_fact_are_none_and_not_good_news(key: str) -> None:
    """Contents are kept for long; a version that learns to look for more must not read the old as having nothing."""
    document = read([file("a")]).model_dump(by_alias=True)
    with pytest.raises(ValidationError):
        Contents.model_validate(without(document, key))


@pytest.mark.parametrize("key", [key for key in Layer.model_fields if key != "way"])  # it is no fact of the layer
def test_a_kept_layer_that_lacks_a_fact_is_none_and_not_good_news(key: str) -> None:
    document = read([file("a")]).layers[0].model_dump()
    with pytest.raises(ValidationError):
        Layer.model_validate(without(document, key))


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE], ids=["a pipe", "a device"])
def test_what_a_pipe_or_a_device_hides_is_replaced(kind: bytes) -> None:
    module = file(f"{SITE}/a/m.py", "pass")
    found = read([file("bin/sh")], distribution("a", "1", module), [Member(f"{SITE}/a/m.py", kind=kind)])
    assert [(one.kind, one.path) for one in found.others] == [("device", f"/{SITE}/a/m.py")]
    assert found.absent == {f"/{SITE}/a-1.dist-info": [f"/{SITE}/a/m.py"]}
