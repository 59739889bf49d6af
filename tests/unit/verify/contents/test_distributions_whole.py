"""What lies among the distributions is one of theirs, and is what its RECORD says."""

import base64
import hashlib

import pytest

from tests.support.archives import SITE, distribution, file, hardlink, read, row, symlink


def test_a_file_where_python_finds_packages_that_no_record_lists_is_told_with_its_layer() -> None:
    owned = distribution("idna", "3.0", file(f"{SITE}/idna/core.py"))
    stray = file(f"{SITE}/requests/__init__.py"), file(f"{SITE}/requests/__pycache__/api.cpython-311.pyc")
    contents = read([file("usr/lib/python3/dist-packages/x.py")], owned, [*stray, file("opt/notes.py")])
    assert {one.path: one.layer for one in contents.others} == {
        f"/{one.path}": 2 for one in (*stray, file("opt/notes.py"))
    }


def test_bytecode_of_a_source_that_a_record_lists_is_that_distribution_s() -> None:
    owned = distribution("idna", "3.0", file(f"{SITE}/idna/core.py"))
    assert read([], [*owned, file(f"{SITE}/idna/__pycache__/core.cpython-311.pyc")]).others == []


@pytest.mark.parametrize(
    ("source", "altered"),
    [("safe = 1\n", {}), ("safe = 0\n", {f"/{SITE}/idna/core.py": 2})],
    ids=["the same", "another"],
)
def test_a_source_whose_content_is_not_what_its_record_says_is_told(source: str, altered: dict[str, int]) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"safe = 1\n").digest()).rstrip(b"=").decode()
    info = f"{SITE}/idna-3.0.dist-info"
    below = [
        file(f"{info}/METADATA", "Name: idna\nVersion: 3.0\n"),
        file(f"{info}/RECORD", f"idna/core.py,sha256={digest},9\nidna/data.py,,\nidna/more.py,sha512=x,\n"),
    ]
    loose = file(f"{SITE}/idna/data.py", "x"), file(f"{SITE}/idna/more.py", "x")
    contents = read([], below, [file(f"{SITE}/idna/core.py", source), *loose])
    assert contents.altered == altered


@pytest.mark.parametrize(
    "path",
    [f"{SITE}/ktrdr/strategies/trend.yaml", f"{SITE}/ktrdr/page.js", f"{SITE}/numpy/core.so", "opt/venv/bin/uvicorn"],
)
@pytest.mark.parametrize("now", ["", "some text!", "some tex"], ids=["emptied", "longer", "shorter"])
def test_a_file_that_has_not_the_size_of_its_record_is_told_whatever_it_is(path: str, now: str) -> None:
    good = distribution("tool", "1.0", file(path, "some text"))
    assert read([], good).altered == {}
    assert read([], good[1:], [file(path, now)]).altered == {f"/{path}": 2}


def test_a_link_in_place_of_a_file_is_told() -> None:
    owned = distribution("tool", "1.0", file(f"{SITE}/tool.so", "some text"))
    assert read([], owned[1:], [symlink(f"{SITE}/tool.so", "/opt/other.so")]).altered == {f"/{SITE}/tool.so": 2}


def test_a_file_that_two_records_say_something_else_of_is_told_once() -> None:
    path, info = f"{SITE}/tool.txt", f"{SITE}/other-1.0.dist-info"
    others = file(f"{info}/METADATA", "Name: other\nVersion: 1.0\n"), file(f"{info}/RECORD", "tool.txt,sha256=x,3\n")
    assert read([], [*distribution("tool", "1.0", file(path, "text"))[1:], *others, file(path)]).altered == {
        f"/{path}": 1
    }


def test_a_base_s_own_file_is_not_held_against_its_record() -> None:
    assert (
        read([*distribution("pip", "1.0", file(f"{SITE}/pip.txt", "text"))[1:], file(f"{SITE}/pip.txt")]).altered == {}
    )


def test_a_link_in_a_wheel_s_place_is_no_file_of_the_wheel_s() -> None:
    empty = file(f"{SITE}/idna/empty.py")
    members = [file("opt/other.py", "harm()"), *distribution("idna", "3.0", empty)[1:]]
    assert read([], [*members, empty]).altered == {}
    assert read([], [*members, symlink(empty.path, "/opt/other.py")]).altered == {f"/{empty.path}": 1}


def test_a_source_that_is_another_name_of_a_file_elsewhere_was_not_read() -> None:
    source = file(f"{SITE}/idna/core.py", "x = 1\n")
    members = [file("opt/aaa.py", "x = 2\n"), *distribution("idna", "3.0", source)[1:]]
    assert read([], [*members, hardlink(source.path, "opt/aaa.py")]).altered == {f"/{source.path}": 1}
    twice = file(f"{SITE}/idna/again.py", "x = 1\n")
    both = distribution("idna", "3.0", source, twice)
    assert read([], [both[0], hardlink(twice.path, source.path), *both[2:]]).altered == {}


def test_an_empty_source_may_be_another_name_of_any_empty_file() -> None:
    source = file(f"{SITE}/idna/core.py")
    members = [file("opt/empty"), *distribution("idna", "3.0", source)[1:]]
    assert read([], [*members, hardlink(source.path, "opt/empty")]).altered == {}
    full = distribution("idna", "3.0", file(source.path, "x"))[1:]
    assert read([], [file("opt/empty"), *full, hardlink(source.path, "opt/empty")]).altered == {f"/{source.path}": 1}


def test_bytecode_that_needs_no_source_is_nobody_s_whatever_a_record_says() -> None:
    alone = file(f"{SITE}/requests.pyc", "code")
    assert read([], distribution("idna", "3.0", alone)).others[0].path == f"/{alone.path}"


def test_a_line_that_says_nothing_of_a_file_makes_it_nobody_s() -> None:
    """So a package could lie beside a module of its name, and would be found before it."""
    info = f"{SITE}/idna-3.0.dist-info"
    rows = f"six/__init__.py,,\n{row(file(f'{SITE}/six.py'))}six/__pycache__/__init__.cpython-311.pyc,,\n"
    named = [file(f"{info}/METADATA", "Name: idna\nVersion: 3.0\n"), file(f"{info}/RECORD", rows)]
    package = file(f"{SITE}/six/__init__.py"), file(f"{SITE}/six/__pycache__/__init__.cpython-311.pyc")
    others = {one.path for one in read([], [*named, *package, file(f"{SITE}/six.py")]).others}
    assert {f"/{one.path}" for one in package} <= others
    assert f"/{SITE}/six.py" not in others
