"""Above the lowest layer every path has an owner, or is listed; the application's files are digested."""

import hashlib
import tarfile
from dataclasses import replace

import pytest

from tests.support.archives import SITE, Member, directory, distribution, file, hardlink, read, removed, symlink

BASE = [directory("srv"), directory("etc"), file("etc/motd"), file("usr/bin/env")]
FIFO = replace(file("srv/pipe"), kind=tarfile.FIFOTYPE)


def others(*layers: list[Member]) -> list[tuple[str, str, int]]:
    return [(one.path, one.kind, one.layer) for one in read(BASE, *layers).others]


def test_whatever_a_distribution_brings_is_its_own_with_the_directories_that_hold_it() -> None:
    script = file("opt/venv/bin/idna", "#!")
    assert others([directory("opt"), directory("opt/venv"), *distribution("idna", "3.0", script)]) == []


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        (file("srv/a", 3), "file"), (symlink("srv/a", "/etc"), "link"), (directory("srv/a"), "directory"),
        (replace(FIFO, path="srv/a"), "device"), (file("etc/motd"), "file"),
    ],
)  # fmt: skip
def test_everything_else_is_told_whatever_it_is(member: Member, kind: str) -> None:
    assert others([member]) == [(f"/{member.path}", kind, 1)]


def test_a_second_name_of_a_file_is_told_too() -> None:
    assert others([file("srv/a", 3), hardlink("srv/b", "srv/a")]) == [
        ("/srv/a", "file", 1), ("/srv/b", "hard link", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("mode", [0o755, 0o744, 0o654, 0o645])
def test_a_file_that_somebody_may_execute_is_a_program_and_so_is_its_second_name(mode: int) -> None:
    first = replace(file("srv/b", 3), mode=mode)
    assert others([first, hardlink("srv/a", "srv/b"), file("srv/c", 3)]) == [
        ("/srv/a", "program", 1), ("/srv/b", "program", 1), ("/srv/c", "file", 1)
    ]  # fmt: skip


def test_a_link_is_told_with_what_it_holds() -> None:
    assert [one.target for one in read(BASE, [symlink("srv/a", "../etc"), file("srv/b")]).others] == ["../etc", ""]


def test_a_device_is_nobody_s_although_a_record_lists_the_path() -> None:
    module = file(f"{SITE}/a/m.py", "pass")
    assert others(distribution("a", "1", module), [replace(FIFO, path=module.path)]) == [
        (f"/{module.path}", "device", 2)
    ]


def test_of_directories_those_count_that_hold_nothing_and_are_new() -> None:
    made = [
        directory("srv"),
        directory("srv/new"),
        directory("srv/new/empty"),
        directory("srv/full"),
        file("srv/full/x"),
    ]
    assert others(made, [directory("srv/new")]) == [
        ("/srv/full/x", "file", 1), ("/srv/new", "directory", 1), ("/srv/new/empty", "directory", 1)
    ]  # fmt: skip


def test_what_a_later_layer_deletes_is_told_as_gone_and_keeps_its_bytes() -> None:
    (one,) = read(BASE, [file("srv/src/notes", 7)], [removed("srv/src")]).others
    assert (one.path, one.layer, one.bytes, one.gone) == ("/srv/src/notes", 1, 7, True)


def test_what_stays_is_not_told_as_gone_and_only_a_file_has_bytes() -> None:
    found = read(BASE, [file("srv/a", 7), symlink("srv/b", "a"), directory("srv/new")], [file("srv/c", 1)]).others
    assert [(one.path, one.kind, one.bytes, one.gone) for one in found] == [
        ("/srv/a", "file", 7, False), ("/srv/b", "link", 0, False), ("/srv/c", "file", 1, False),
        ("/srv/new", "directory", 0, False),
    ]  # fmt: skip


def test_what_a_later_layer_writes_again_is_gone_in_the_earlier_one_alone() -> None:
    found = read(BASE, [file("srv/a", 7)], [file("srv/a", 8)]).others
    assert [(one.layer, one.bytes, one.gone) for one in found] == [(1, 7, True), (2, 8, False)]


def test_a_path_is_told_with_the_highest_directory_that_holds_nothing_else() -> None:
    owned = distribution("idna", "3.0", file("opt/venv/bin/idna", "#!"))
    strays = [file("srv/src/a/b"), file("opt/venv/x/y/z"), file("opt/venv/bin/as"), file("etc/apt/conf/01proxy")]
    tops = {one.path: one.top for one in read(BASE, [*owned, *strays]).others}
    assert tops == {
        "/srv/src/a/b": "/srv/src", "/opt/venv/x/y/z": "/opt/venv/x", "/opt/venv/bin/as": "/opt/venv/bin",
        "/etc/apt/conf/01proxy": "/etc/apt",
    }  # fmt: skip


def test_a_record_vouches_for_its_own_environment_alone() -> None:
    assert others(distribution("idna", "3.0", file("srv/x", "text"))) == [("/srv/x", "file", 1)]


def test_a_record_in_the_base_vouches_for_nothing_above_it() -> None:
    below = distribution(
        "pip", "24.0", file("usr/lib/python3/dist-packages/pip.py", "x"), site="usr/lib/python3/dist-packages"
    )
    contents = read([*BASE, *below], [file("usr/lib/python3/dist-packages/pip.py", "x")])
    assert [one.path for one in contents.others] == ["/usr/lib/python3/dist-packages/pip.py"]


def test_a_directory_of_metadata_that_python_does_not_install_into_vouches_for_nothing() -> None:
    found = [path for path, _, _ in others(distribution("ghost", "1.0", file("srv/ghost/a"), site="srv/ghost"))]
    assert len(found) == 3


def test_the_application_is_digested_where_it_is_installed() -> None:
    files = (
        file(f"{SITE}/ktrdr/main.py", "x"),
        file(f"{SITE}/ktrdr/page/a.js", "y"),
        symlink(f"{SITE}/ktrdr/l", "main.py"),
    )
    contents = read(BASE, [*distribution("ktrdr", "1.0", *files[:2]), files[2]])
    digest = {text: hashlib.sha256(text.encode()).hexdigest() for text in "xy"}
    assert contents.application == {f"/{SITE}/ktrdr": {"main.py": digest["x"], "page/a.js": digest["y"], "l": ""}}
    assert contents.others == []


def test_the_application_is_digested_where_its_start_up_file_leads_to() -> None:
    source = [file("app/ktrdr/main.py", "x"), file("app/ktrdr/__pycache__/main.cpython-311.pyc"), file("app/LICENSE")]
    contents = read(BASE, [*distribution("ktrdr", "1.0", file(f"{SITE}/ktrdr.pth", "/app\n")), *source])
    assert list(contents.application) == ["/app/ktrdr"]
    assert [one.path for one in contents.others] == ["/app/LICENSE"]


def test_a_directory_of_the_application_s_name_is_none_by_its_name() -> None:
    assert read(BASE, [file("home/ktrdr/main.py", "x")]).application == {}


MODULES = [file(f"{SITE}/a/m.py", "pass"), file(f"{SITE}/a/n.py", "pass")]
COMPILED = file(f"{SITE}/a/__pycache__/m.cpython-311.pyc", "x")
START = [directory("app"), *distribution("ktrdr", "1", file(f"{SITE}/ktrdr.pth", "/app\n"))]
OURS = [file("app/ktrdr/__init__.py", "pass"), file("app/ktrdr/notes.txt", "x")]


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([distribution("a", "1", *MODULES)], {"a": 1}),
        ([distribution("a", "1", *MODULES, COMPILED)], {}),
        ([distribution("a", "1", *MODULES), [COMPILED]], {}),
        ([distribution("a", "1", *MODULES, COMPILED), [removed(COMPILED.path)]], {"a": 1}),
        ([[], distribution("a", "1", *MODULES)], {"a": 2}),
        ([distribution("a", "1", file(f"{SITE}/a/data.json", "{}"), file("opt/venv/bin/a.py", "#!"))], {}),
        ([[*MODULES]], {}),
        ([START, OURS], {"ktrdr": 2}),
        ([START, [*OURS, file("app/ktrdr/__pycache__/__init__.cpython-311.pyc", "x")]], {}),
    ],
)
def test_a_distribution_none_of_whose_modules_has_bytecode_is_told(
    layers: list[list[Member]], told: dict[str, int]
) -> None:
    assert read(BASE, *layers).uncompiled == told


def test_what_the_lowest_layer_holds_may_be_without_bytecode() -> None:
    assert read([*BASE, *distribution("a", "1", *MODULES)], []).uncompiled == {}
