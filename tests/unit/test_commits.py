"""Subjects of commits are short and imperative, as far as a rule can tell; a history that is cut off is not judged."""

import subprocess
from pathlib import Path

import pytest

from tests import commits


def git(directory: Path, *words: str) -> str:
    settings = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(directory: Path, subject: str) -> str:
    git(directory, "commit", "--quiet", "--allow-empty", "--message", subject)
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


@pytest.mark.parametrize(
    "subject",
    [
        "Let a build end at once", "Pass over what is not there", "Process the rest", "Feed the model", "Bring it back",
        "Focus on one", "x".upper() * 72, "README: say what it is",
    ],
)  # fmt: skip
def test_a_subject_that_may_stand(subject: str) -> None:
    assert commits.faults(subject) == []


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("X" * 73, "73 characters, at most 72"), ("add a test", "no capital"), ("Add a test.", "full stop"),
        ("Added a test", "Added is past tense"), ("Adding a test", "Adding is a gerund"),
        ("Adds a test", "Adds is third person"), ("Made a test", "Made is past tense"),
        ("fixup! Add a test", "no capital"), ("", "no capital"),
    ],
)  # fmt: skip
def test_a_subject_that_may_not(subject: str, says: str) -> None:
    assert says in "; ".join(commits.faults(subject))


def test_the_commits_after_the_first_are_judged_and_those_before_are_not(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = commit(repository, "this one has an older form.")
    assert commits.check(repository, first) == 0
    commit(repository, "Add a test")
    assert commits.check(repository, first) == 0
    assert "1 since" in capsys.readouterr().out
    wrong = commit(repository, "Added another")
    assert commits.check(repository, first) == 1
    printed = capsys.readouterr().out
    assert f"{wrong[:7]} 'Added another': Added is past tense" in printed
    assert "older form" not in printed


def test_a_shallow_history_is_not_judged_and_that_is_said(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    first = commit(repository, "Add a test")
    commit(repository, "Added another")
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "--quiet", "--depth=1", f"file://{repository}", "clone")
    assert commits.check(shallow / "clone", first) == 0
    assert "not checked" in capsys.readouterr().out


def test_a_directory_without_history_or_git_is_not_judged_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commits.check(tmp_path, commits.SINCE) == 0
    monkeypatch.setenv("PATH", "/nonexistent")
    assert commits.check(tmp_path, commits.SINCE) == 0
    assert capsys.readouterr().out.count("not checked") == 2
