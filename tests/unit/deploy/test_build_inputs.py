"""What an image is built from: one digest, another as soon as a build would read something else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.build_inputs import inputs, let_in
from deploy.errors import Problem
from tests.support.checkout import ROOT, read_contract

BACKEND = read_contract().images["backend"]
FILES = {
    ".dockerignore": (ROOT / ".dockerignore").read_text(encoding="utf-8"),
    "pyproject.toml": "[project]",
    "uv.lock": "version = 1",
    "ktrdr/api/main.py": "app = 1",
    "deploy/docker/sync.sh": "exit 0",
    "deploy/docker/Dockerfile.backend": "FROM scratch",
    "deploy/docker/Dockerfile.dev": "FROM scratch",
    "README.md": "words",
}
Change = Callable[[Path], object]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write(root, "ktrdr/api/main.py", "import torch"),
        lambda root: write(root, "deploy/docker/Dockerfile.backend", "USER root"),
        lambda root: write(root, "deploy/docker/sync.sh", "exit 1"),
        lambda root: write(root, "uv.lock", "version = 2"),
        lambda root: write(root, ".dockerignore", "*"),
        lambda root: write(root, "ktrdr/new.py", ""),
        lambda root: (root / "ktrdr/api/main.py").unlink(),
        lambda root: (root / "ktrdr/api/main.py").rename(root / "ktrdr/api/other.py"),
        lambda root: (root / "ktrdr/api/main.py").chmod(0o755),
        lambda root: (root / "ktrdr/link").symlink_to("api"),
    ],
    ids=["source", "Dockerfile", "sync.sh", "lock", "list", "more", "less", "renamed", "mode", "link"],
)
def test_what_a_build_would_read_changes_the_digest(checkout: Path, change: Change) -> None:
    before = inputs(BACKEND, checkout)
    change(checkout)
    assert inputs(BACKEND, checkout) != before


@pytest.mark.parametrize(
    "name",
    ["README.md", "ktrdr/README.md", "deploy/docker/Dockerfile.dev", "ktrdr/api/__pycache__/main.pyc", "ktrdr/a.pyc",
     "ktrdr/api/.env", "ktrdr/.env.local/x", "verify/new.py", "ktrdr/__pycache__/x/y"],
)  # fmt: skip
def test_what_no_build_reads_does_not(checkout: Path, name: str) -> None:
    before = inputs(BACKEND, checkout)
    write(checkout, name, "other")
    assert inputs(BACKEND, checkout) == before


@pytest.mark.parametrize("mode", [0o645, 0o654])
def test_a_mode_that_git_does_not_keep_is_no_other(checkout: Path, mode: int) -> None:
    before = inputs(BACKEND, checkout)
    (checkout / "ktrdr/api/main.py").chmod(mode)
    assert inputs(BACKEND, checkout) == before


def test_a_directory_that_the_list_names_at_the_top_is_left_out(tmp_path: Path) -> None:
    for name in ("kept/a", "gone/b", "gone/deep/c"):
        write(tmp_path, name, "x")
    write(tmp_path, ".dockerignore", "*\n!kept\n!gone\ngone\n")
    assert set(let_in(tmp_path)) == {".dockerignore", "kept/a"}


def test_a_checkout_that_lacks_the_list_is_told_without_a_traceback(checkout: Path) -> None:
    (checkout / ".dockerignore").unlink()
    with pytest.raises(Problem, match="dockerignore"):
        inputs(BACKEND, checkout)


def test_what_is_let_in_is_what_the_list_names() -> None:
    found = set(let_in(ROOT))
    assert {"pyproject.toml", "uv.lock", "LICENSE", "deploy/docker/left-out.toml", "ktrdr/api/main.py"} <= found
    assert not any(name.startswith(("verify/", "tests/", ".git")) or name.endswith(".pyc") for name in found)


TREE = ("a", "b.pyc", "c/d", "c/e.pyc", "c/keep.pyc", "c/deep/f", "c/deep/g.pyc", "c/deep/cache/h", "k/l")
LISTS = {
    "an allow-list": (
        "*\n!a\n!c\n",
        {"a", "c/d", "c/e.pyc", "c/keep.pyc", "c/deep/f", "c/deep/g.pyc", "c/deep/cache/h"},
    ),
    "an allow-list with a path": ("*\n!c/deep\n", {"c/deep/f", "c/deep/g.pyc", "c/deep/cache/h"}),
    "a deny-list": ("c\nk/l\n", {"a", "b.pyc"}),
    "a deny-list with a slash": ("/c/\n", {"a", "b.pyc", "k/l"}),
    "an empty list": ("# nothing\n\n", set(TREE)),
    "one star, which does not cross folders": ("*.pyc\n", set(TREE) - {"b.pyc"}),
    "two stars, which do": ("**/*.pyc\n", {"a", "c/d", "c/deep/f", "c/deep/cache/h", "k/l"}),
    "a folder at any depth": ("**/cache\n", set(TREE) - {"c/deep/cache/h"}),
    "a file that is let in again": ("c/*.pyc\n!c/keep.pyc\n", set(TREE) - {"c/e.pyc"}),
    "the last line that matches decides": ("!a\na\n!c\n", set(TREE) - {"a"}),
}


@pytest.mark.parametrize(("text", "expected"), LISTS.values(), ids=list(LISTS))
def test_the_list_is_read_as_docker_reads_it(tmp_path: Path, text: str, expected: set[str]) -> None:
    for name in TREE:
        write(tmp_path, name, "x")
    write(tmp_path, ".dockerignore", text)
    assert set(let_in(tmp_path)) == expected | {".dockerignore"}


def test_under_a_deny_list_a_changed_source_is_noticed(checkout: Path) -> None:
    write(checkout, ".dockerignore", "tests\n**/__pycache__\n")
    before = inputs(BACKEND, checkout)
    write(checkout, "ktrdr/api/main.py", "import torch")
    assert inputs(BACKEND, checkout) != before


def test_nothing_enters_a_build_that_this_checkout_s_list_does_not_name() -> None:
    lines = [line for line in FILES[".dockerignore"].splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert not [line for line in lines if line.startswith("!") and "*" in line]


def test_this_checkout_s_list_has_no_pattern_that_buildkit_reads_otherwise_than_docker_s_library() -> None:
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert not [line for line in lines if re.search(r"^\s|\[|!.*\*|\*\*(?!/)|^\ufeff", line)]


def test_no_dockerfile_has_a_list_of_its_own() -> None:
    """One would take the place of .dockerignore for that build."""
    assert not list((ROOT / "deploy").rglob("Dockerfile*.dockerignore"))
