"""What an image is built from: one digest, another as soon as a build would read something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.build_inputs import inputs, let_in
from deploy.contract import ROOT, read_contract
from deploy.errors import Problem

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
    assert list(let_in(tmp_path)) == ["kept/a"]


def test_a_checkout_that_lacks_the_list_is_told_without_a_traceback(checkout: Path) -> None:
    (checkout / ".dockerignore").unlink()
    with pytest.raises(Problem, match="dockerignore"):
        inputs(BACKEND, checkout)


def test_what_is_let_in_is_what_the_list_names() -> None:
    found = set(let_in(ROOT))
    assert {"pyproject.toml", "uv.lock", "LICENSE", "deploy/docker/left-out.toml", "ktrdr/api/main.py"} <= found
    assert not any(name.startswith(("verify/", "tests/", ".git")) or name.endswith((".pyc", ".md")) for name in found)


def test_the_list_lets_nothing_in_that_it_has_not_named_before_it_takes_away() -> None:
    """What `let_in` relies on: `*`, then what is let in, then what is not."""
    lines = [line for line in FILES[".dockerignore"].splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert [line.startswith("!") for line in lines[1:]] == sorted(
        (line.startswith("!") for line in lines[1:]), reverse=True
    )
    assert not [line for line in lines if line.startswith("!") and "*" in line]
    assert not list(ROOT.rglob("Dockerfile*.dockerignore"))
