"""The application's files are those that git tracks and a build takes; without git all that a build takes."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from deploy.application import application_files, untracked_files

DIGESTS = {text: hashlib.sha256(text.encode()).hexdigest() for text in ("a", "b", "c")}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a package, of which .dockerignore keeps a part out."""
    files = {
        ".dockerignore": "*\n!own\n**/*.md\n", "own/a.py": "a", "own/deep/b.yaml": "b", "own/README.md": "x",
        "own/c.txt": "c", "other/a.py": "x", "ownership.py": "x",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_without_git_every_file_that_a_build_takes_counts(checkout: Path) -> None:
    assert application_files("own", checkout) == {
        "a.py": DIGESTS["a"], "c.txt": DIGESTS["c"], "deep/b.yaml": DIGESTS["b"]
    }  # fmt: skip


def test_of_a_repository_the_tracked_files_count_with_what_they_hold_now(checkout: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    subprocess.run(["git", "add", "own/a.py", "own/deep", "own/README.md"], cwd=checkout, check=True)
    (checkout / "own/deep/b.yaml").write_text("c", encoding="utf-8")
    assert application_files("own", checkout) == {"a.py": DIGESTS["a"], "deep/b.yaml": DIGESTS["c"]}
    (checkout / "own/a.py").unlink()
    assert list(application_files("own", checkout)) == ["deep/b.yaml"]


def test_a_name_in_any_letters_is_tracked(checkout: Path) -> None:
    (checkout / "own/gr\u00fc\u00dfe.txt").write_text("a", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    subprocess.run(["git", "add", "own"], cwd=checkout, check=True)
    assert application_files("own", checkout)["gr\u00fc\u00dfe.txt"] == DIGESTS["a"]


def test_where_git_knows_none_of_the_files_all_count(checkout: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    assert len(application_files("own", checkout)) == 3


def test_a_file_that_enters_a_build_and_that_git_does_not_track_is_named(checkout: Path) -> None:
    assert untracked_files("own", checkout) == []
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    subprocess.run(["git", "add", "own/a.py", "own/deep", "own/README.md"], cwd=checkout, check=True)
    assert untracked_files("own", checkout) == ["own/c.txt"]
