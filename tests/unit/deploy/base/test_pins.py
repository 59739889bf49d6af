"""What the images come from is pinned: read strictly, compared in words, renewed in one file and in the Dockerfiles."""

from pathlib import Path

import pytest

from deploy.base import renew_pins
from deploy.base.image import default_reference
from deploy.base.pins import Pins, differences, digest_of, installed, read_pins, said, text_of
from deploy.errors import Exit, Problem
from deploy.uv_lock import locked_version
from tests.support.checkout import PROJECT, read_contract

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PINS = Pins(images={"python:3": A}, wheels={"torch-1-x86_64.whl": "c" * 64}, packages={"bookworm/amd64": {"bash": "5"}})


def test_the_shipped_pins_name_the_contract_s_base_image_and_a_wheel_for_each_machine() -> None:
    pins, python = read_pins(PROJECT.pins), read_contract().python
    assert default_reference(python) in pins.images
    tag = f"cp{python.replace('.', '')}"
    assert set(pins.wheels) == {
        f"torch-{locked_version('torch', PROJECT.lock)}+cpu-{tag}-{tag}-manylinux_2_28_{machine}.whl"
        for machine in ("aarch64", "x86_64")
    }
    assert len(pins.packages["bookworm/amd64"]) > 50


def test_pins_are_written_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pins.toml"
    path.write_text(text_of(PINS), encoding="utf-8")
    assert read_pins(path) == PINS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[images]\n", "wheels: Field required"),
        ("[images]\n'x' = 'latest'\n[wheels]\n[packages]\n", "images.x: String should match"),
        ("images =", "Invalid value"),
        ("[images]\n[wheels]\n[packages]\n[more]\n", "more: Extra inputs"),
    ],
)
def test_a_mistake_in_the_pins_is_told_with_its_key_and_the_command_that_renews_them(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "pins.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        read_pins(path)
    assert caught.value.code == Exit.USAGE
    assert told in caught.value.wrong
    assert "python -m deploy pin" in caught.value.next_step


def test_a_missing_file_of_pins_is_a_usage_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file"):
        read_pins(tmp_path / "none.toml")


def test_an_image_that_is_not_pinned_keeps_its_tag() -> None:
    assert PINS.image("python:3") == f"python:3@{A}"
    assert PINS.image("python:4") == "python:4"


def test_packages_are_read_from_dpkg_s_database_without_those_that_were_removed() -> None:
    status = "Package: bash\nStatus: install ok installed\nDescription: x\n Version: no\nVersion: 5.2-1+b1\n\n"
    assert installed(status + "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n") == {"bash": "5.2-1+b1"}


def test_of_a_package_for_two_architectures_the_last_one_s_version_counts_in_any_order() -> None:
    one, other = (f"Package: a\nStatus: ok installed\nArchitecture: {name}\nVersion: {name}\n" for name in ("x", "y"))
    assert installed(f"{one}\n{other}") == installed(f"{other}\n{one}") == {"a": "y"}


def test_what_differs_is_told_by_package_and_the_rest_is_counted() -> None:
    assert said(differences({"bash": "5"}, {"bash": "5"})) == ""
    lines = differences({"bash": "6", "new": "1"}, {"bash": "5", "old": "2"})
    assert lines == ["bash 6, pinned 5", "new 1, pinned none", "old none, pinned 2"]
    told = said([f"p{number}" for number in range(7)])
    assert "p4 and 2 more; python -m deploy pin" in told
    assert "p5" not in told


def test_a_package_list_s_digest_depends_on_versions_and_on_no_order() -> None:
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"})
    assert digest_of({"a": "1"}) != digest_of({"a": "2"})


def test_a_dockerfile_gets_each_digest_once_however_often_it_is_renewed() -> None:
    once = renew_pins.with_digests("ARG I=python:3\nFROM python:3.1 AS x\nFROM python:3 AS y\n", PINS)
    assert once == f"ARG I=python:3@{A}\nFROM python:3.1 AS x\nFROM python:3@{A} AS y\n"
    assert renew_pins.with_digests(once, PINS) == once
    newer = PINS.model_copy(update={"images": {"python:3": B}})
    assert renew_pins.with_digests(once, newer) == once.replace(A, B)


def test_each_change_of_a_pin_is_told() -> None:
    new = Pins(images={"uv:1": B}, wheels={}, packages={"bookworm/amd64": {"bash": "6"}})
    assert renew_pins.changes(PINS, new) == [
        f"uv:1: none -> {B}",
        "python:3: no longer used",
        "bookworm/amd64: bash 6, pinned 5",
    ]
    assert renew_pins.changes(PINS, PINS) == ["every pin that could be asked for is the same"]
