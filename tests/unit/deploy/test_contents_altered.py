"""Files that stand between an image's Python and what it reports, and what a later layer replaces."""

from typing import Any

import pytest
from pydantic import ValidationError

from deploy.contents import Contents, Layer
from deploy.files import is_hook
from tests.unit.deploy.archives import (
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
        "/app/json.py",
        "/app/json/__init__.py",
        "/app/ssl.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_a_file_that_changes_what_any_process_does_is_known(path: str) -> None:
    assert is_hook(path, "/app")


@pytest.mark.parametrize(
    "path",
    [
        f"/{SITE}/torch/lies.pth",
        f"/{SITE}/json/__init__.py",
        "/usr/lib/python3.11/site-packages/x.py",
        "/app/ktrdr/json.py",
        "/app/main.py",
        "/srv/json.py",
        "/app/calendar.csv",
        "/app/statistics/2024.csv",
    ],
)
def test_an_ordinary_file_is_not_taken_for_one(path: str) -> None:
    assert not is_hook(path, "/app")


@pytest.mark.parametrize("path", ["/json.py", "/json/__init__.py"])
def test_a_module_beside_the_root_is_found_first_where_processes_start_there(path: str) -> None:
    assert is_hook(path, "/")


def test_a_hook_is_told_with_path_layer_and_owner() -> None:
    owned = distribution("tool", "1.0", file(f"{SITE}/tool.pth", "x"))
    contents = read([file("usr/lib/python3.11/sitecustomize.py")], [*owned, file(f"{SITE}/lies.pth", "x")])
    assert [(one.path, one.layer, one.distribution) for one in contents.hooks] == [
        (f"/{SITE}/lies.pth", 1, ""), (f"/{SITE}/tool.pth", 1, "tool"),
    ]  # fmt: skip


def test_a_hook_that_a_later_layer_removes_is_none() -> None:
    assert read([file("x")], [file(f"{SITE}/lies.pth", "x")], [removed(f"{SITE}/lies.pth")]).hooks == []


def replaced(*layers: list[Member]) -> list[list[str]]:
    return [one.replaced for one in read(*layers).layers]


@pytest.mark.parametrize(
    "member",
    [file("usr/bin/python", "other"), symlink("usr/bin/python", "/x"), hardlink("usr/bin/python", "x"),
     removed("usr/bin/python"), directory("usr/bin/python")],
    ids=["written again", "by a link", "by a hard link", "removed", "by a directory"],
)  # fmt: skip
def test_a_file_of_an_earlier_layer_that_is_replaced_is_told(member: Member) -> None:
    assert replaced([file("usr/bin/python", "base")], [file("x"), member]) == [[], ["/usr/bin/python"]]


@pytest.mark.parametrize("member", [emptied("usr"), removed("usr"), file("usr")])
def test_all_that_is_replaced_with_its_directory_is_told(member: Member) -> None:
    below = [file("usr/a"), file("usr/b/c"), file("user")]
    assert replaced(below, [member]) == [[], ["/usr/a", "/usr/b/c"]]


def test_new_files_replace_nothing() -> None:
    assert replaced([file("a")], [file("b"), directory("usr")], [file("usr/c")]) == [[], [], []]


def test_no_more_than_a_hundred_replaced_paths_are_kept() -> None:
    below = [file(f"usr/{number:03}") for number in range(150)]
    assert [len(one) for one in replaced(below, [removed("usr")])] == [0, 100]


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


@pytest.mark.parametrize("key", [name for name in Contents.model_fields if name != "schema_"])
def test_kept_contents_that_lack_a_fact_are_none_and_not_good_news(key: str) -> None:
    """Contents are kept for long; a version that learns to look for more must not read the old as having nothing."""
    document = read([file("a")]).model_dump(by_alias=True)
    with pytest.raises(ValidationError):
        Contents.model_validate(without(document, key))


@pytest.mark.parametrize("key", list(Layer.model_fields))
def test_a_kept_layer_that_lacks_a_fact_is_none_and_not_good_news(key: str) -> None:
    document = read([file("a")]).layers[0].model_dump()
    with pytest.raises(ValidationError):
        Layer.model_validate(without(document, key))
