"""Where the contract is, and what its checkout is: named, or found; nothing is this program's own."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.errors import Exit, Problem
from deploy.project import find_contract, read_project, root_of
from tests.support.checkout import CONTRACT_FILE, ROOT

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make files, and directories where a name ends with a slash."""

    def made(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir() if name.endswith("/") else path.write_text("", encoding="utf-8")
        return tmp_path

    return made


def test_a_contract_is_found_in_the_directory_and_above_it(tree: Tree) -> None:
    root = tree("images.toml", "deep/er/")
    assert find_contract(None, {}, root / "deep" / "er") == root / "images.toml"
    tree("deep/deploy/docker/images.toml")
    assert find_contract(None, {}, root / "deep" / "er") == root / "deep/deploy/docker/images.toml"


def test_what_the_command_line_names_goes_before_the_variable_and_both_before_what_is_found(tree: Tree) -> None:
    root = tree("images.toml", "one.toml", "two.toml")
    environ = {"KTRDR_CONTRACT": "two.toml"}
    assert find_contract(Path("one.toml"), environ, root) == root / "one.toml"
    assert find_contract(None, environ, root) == root / "two.toml"
    assert find_contract(None, {"KTRDR_CONTRACT": ""}, root) == root / "images.toml"


def test_where_there_is_none_both_ways_to_name_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"no images\.toml and no deploy/docker/images\.toml in") as problem:
        find_contract(None, {}, tmp_path)
    assert problem.value.code == Exit.USAGE
    assert re.search("--contract FILE.*KTRDR_CONTRACT", str(problem.value))


def test_one_that_is_named_and_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"own\.toml: No such file"):
        read_project(Path("own.toml"), environ={}, directory=tmp_path)


def test_the_root_is_git_s_working_tree_else_the_nearest_pyproject_else_the_contract_s_directory(tree: Tree) -> None:
    root = tree("a/b/images.toml")
    file = root / "a/b/images.toml"
    assert root_of(file) == root / "a/b"
    tree("a/pyproject.toml")
    assert root_of(file) == root / "a"
    tree(".git")  # a file, as in a linked working tree
    assert root_of(file) == root


def test_this_checkout_s_contract_is_found_from_anywhere_in_it() -> None:
    here = read_project(environ={}, directory=ROOT / "tests" / "unit")
    assert (here.file, here.root) == (CONTRACT_FILE, ROOT)
    assert (here.artifacts.root, here.cache) == (ROOT / "artifacts", ROOT / ".cache")
    for path in (here.lock, here.pins, here.left_out, here.baseline):
        assert path.is_file()


def test_artifacts_lie_where_they_are_asked_for_before_where_the_variable_says(tmp_path: Path) -> None:
    environ = {"KTRDR_ARTIFACTS": str(tmp_path / "variable")}
    assert read_project(environ=environ, directory=ROOT).artifacts.root == tmp_path / "variable"
    assert read_project(None, tmp_path, environ=environ, directory=ROOT).artifacts.root == tmp_path
