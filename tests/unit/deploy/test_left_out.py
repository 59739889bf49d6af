"""What no image keeps: the list is valid, every entry has its reason, and a mistake in it is told."""

from pathlib import Path

import pytest

from deploy.errors import Exit, Problem
from deploy.left_out import LeftOut, read_left_out
from tests.support.checkout import PROJECT

SITE = "/opt/venv/lib/python3.11/site-packages"
ENTRY = '[[left_out]]\ndistribution = "torch"\npath = "torch/test/*"\nreason = "programs that test torch itself"\n'


def test_the_project_s_own_list_is_valid_and_names_nothing_twice() -> None:
    entries = read_left_out(PROJECT.left_out)
    assert entries
    assert len({(one.distribution, one.path) for one in entries}) == len(entries)


@pytest.mark.parametrize(
    ("name", "path", "covered"),
    [
        ("torch", "torch/test/atest", True), ("torch", "torch/test/deep/atest", True),
        ("torch", "torch/testing/a.py", False), ("torchvision", "torch/test/atest", False),
        ("torch", "vendored/torch/test/atest", False),
    ],
)  # fmt: skip
def test_a_pattern_covers_paths_of_its_distribution_from_its_site_directory_on(
    name: str, path: str, *, covered: bool
) -> None:
    one = LeftOut(distribution="torch", path="torch/test/*", reason="programs that test torch itself")
    pattern = one.pattern(name, SITE)
    assert bool(pattern and pattern.match(f"{SITE}/{path}")) is covered


def test_the_distribution_is_known_by_its_normalized_name() -> None:
    one = LeftOut(distribution="nvidia_cudnn_cu13", path="*.a", reason="static libraries that nobody links")
    pattern = one.pattern("nvidia-cudnn-cu13", SITE)
    assert pattern
    assert pattern.match(f"{SITE}/nvidia/lib/libcudnn_static.a")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY.replace("reason", "because"), "left_out.0.reason: field required"),
        (ENTRY.replace('"programs that test torch itself"', '"so"'), "left_out.0.reason: string should have at least"),
        (ENTRY.replace("torch/test", "/torch/test"), "left_out.0.path: string should match"),
        (ENTRY.replace("left_out", "leftout"), "left_out: field required"),
        (f"{ENTRY}more = 1\nsome = 2\n", "left_out.0.more: extra inputs"),
        ("left_out = [", "Invalid value"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_no_traceback(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "left-out.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match=says) as raised:
        read_left_out(path)
    assert raised.value.code == Exit.USAGE


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"left-out\.toml"):
        read_left_out(tmp_path / "left-out.toml")
