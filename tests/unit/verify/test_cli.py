"""``python -m verify``: exact exit codes, one clear message each, never a traceback."""

import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.artifacts import UnreadableArtifact
from deploy.errors import Exit, Problem
from tests.support.checkout import CONTRACT_FILE, ROOT, read_contract
from verify import __main__ as command
from verify.commands import summarize, verify


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["python -m verify", *words])
    return command.main()


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No engine is touched, and no artifact of this checkout's."""
    path = tmp_path / "artifacts"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nonexistent.sock")
    monkeypatch.setenv("KTRDR_ARTIFACTS", str(path))
    return path


@pytest.mark.parametrize("words", [[], ["backend"], ["--gpu"], ["summarize"], ["lazy-imports"], ["e2e"], ["describe"]])
def test_a_wrong_contract_is_told_with_its_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    path = tmp_path / "images.toml"
    path.write_text(CONTRACT_FILE.read_text(encoding="utf-8").replace('"25.5 MB"', '"25.5"'), encoding="utf-8")
    monkeypatch.setenv("KTRDR_CONTRACT", str(path))
    assert run(monkeypatch, *words) == Exit.USAGE
    assert "images.backend.added_at_most = '25.5'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["bakend"], ["backend", "bakend"], ["--gpu", "bakend"], ["backend", "summarize"], ["describe", "bakend"]]
)
def test_an_unknown_role_is_told_with_those_that_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == Exit.USAGE
    told = capsys.readouterr().err
    assert f"no such role: {words[-1]}" in told
    assert "backend, dev, worker-cpu, worker-gpu" in told


@pytest.mark.parametrize(
    ("word", "meant"), [("sumarize", "summarize"), ("explain!", "explain"), ("lazy", ""), ("descrbe", "describe")]
)
def test_a_word_that_is_nearly_a_command_is_told_with_that_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, meant: str
) -> None:
    assert run(monkeypatch, word) == Exit.USAGE
    told = capsys.readouterr().err
    assert f"no such role: {word}" in told
    assert (f"did you mean {meant}?" if meant else "backend, dev") in told


@pytest.mark.parametrize("words", [[], ["worker-gpu", "--gpu"], ["e2e"], ["describe", "backend"]])
def test_without_an_engine_it_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == Exit.UNAVAILABLE
    told = capsys.readouterr().err
    assert "nonexistent.sock" in told
    assert "next: " in told


def test_nothing_to_summarize_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "summarize") == Exit.UNAVAILABLE
    assert "reading the verdicts" in capsys.readouterr().err


def test_an_unreadable_verdict_is_told_with_its_path(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifacts / "backend" / "verdict.json"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    assert run(monkeypatch, "summarize") == Exit.USAGE
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["lazy-imports", "backend"],
        ["lazy-imports", "--gpu"],
        ["summarize", "--gpu"],
        ["e2e", "backend"],
        ["e2e", "--gpu"],
        ["describe", "--gpu"],
    ],
)
def test_words_that_a_command_does_not_take_are_told(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr("verify.commands.lazy_imports.lazy_imports", lambda *_arguments: Exit.OK)
    monkeypatch.setattr(summarize, "command", lambda *_arguments: Exit.OK)
    try:
        code: object = run(monkeypatch, *words)
    except SystemExit as ended:
        code = ended.code
    assert code == Exit.USAGE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--key", "k.pub"], "--key: only of use with --published REF"),
        (["backend", "--again"], "--again: only of use with --published REF"),
        (["--plain-http", "--image", "x:1", "--role", "dev"], "--plain-http: only of use with --published REF"),
        (["--most-days=90", "--gpu"], "--most-days: only of use with --published REF"),
        (["--published", "r.example/x:1", "--image", "x:1", "--role", "dev"], "--image, --role: not of use with --p"),
        (["--published", "r.example/x:1", "--base", "debian"], "--base: not of use with --published"),
    ],
)
def test_an_option_is_not_passed_over_where_it_means_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert run(monkeypatch, *words) == Exit.USAGE
    assert told in capsys.readouterr().err


def test_what_holds_no_cuda_cannot_be_tried_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--gpu", "backend", "worker-gpu", "dev") == Exit.USAGE
    told = capsys.readouterr().err
    assert "of backend, dev:" in told
    assert "name roles of: worker-gpu" in told


def test_a_command_line_that_is_none_has_the_exit_code_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--everything")
    assert caught.value.code == Exit.USAGE
    assert "usage: python -m verify" in capsys.readouterr().err


def test_the_help_names_what_it_can_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "--help")
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("ROLE", "--gpu", "summarize", "lazy-imports", "e2e", "--artifacts"))


@pytest.mark.parametrize(
    ("word", "told", "not_told"),
    [
        ("summarize", ["--history", "DIR"], ["--gpu", "ROLE"]),
        ("explain", ["ROLE CHECK", "a role or e2e"], ["--gpu", "--history"]),
        ("describe", ["ROLE", "table.toml", "Write a reason for each file"], ["--gpu", "--history"]),
        ("baseline", ["ROLE"], ["--gpu", "--history"]),
        ("lazy-imports", ["no Docker"], ["--gpu", "ROLE", "--artifacts"]),
        ("e2e", ["images together"], ["--gpu", "ROLE"]),
    ],
)
def test_each_command_has_a_help_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str, told: list[str], not_told: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, word, "--help")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: python -m verify {word} ")
    assert all(one in text for one in told)
    assert not any(one in text for one in not_told)


def test_a_directory_may_be_called_as_a_command_is() -> None:
    read = command.read_command_line(["--artifacts", "summarize", "backend"])
    assert (read.command, read.artifacts, read.words) == ("", Path("summarize"), ["backend"])


@pytest.mark.parametrize("words", [["summarize", "one", "--artifacts", "x"], ["--artifacts", "x", "summarize", "one"]])
def test_options_may_stand_before_and_after_words(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    seen: list[Any] = []

    def summarized(directories: list[Path], artifacts: Any, *_more: Any) -> Exit:
        seen.append((directories, artifacts.root))
        return Exit.OK

    monkeypatch.setattr(summarize, "command", summarized)
    assert run(monkeypatch, *words) == Exit.OK
    assert seen == [([Path("one")], Path("x"))]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (UnreadableArtifact("x.json: schema 2"), 2, "x.json: schema 2\n"),
        (Problem("doing", "wrong", "what to do"), 3, "doing: wrong\n  next: what to do\n"),
    ],
)
def test_however_a_command_ends_its_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, told: str
) -> None:
    def ends(_arguments: Any) -> int:
        raise error

    monkeypatch.setattr(command, "run", ends)
    assert run(monkeypatch) == code
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    "words",
    [
        ["--image", "shop/api:1"],
        ["--role", "backend"],
        ["--base", "python:3"],
        ["--image", "shop/api:1", "--role", "backend", "dev"],
        ["--image", "shop/api:1", "--role", "worker-gpu", "--gpu"],
    ],
)
def test_an_image_of_others_needs_the_role_that_judges_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == Exit.USAGE
    assert "--image NAME and --role ROLE belong together" in capsys.readouterr().err


def test_an_image_of_others_takes_the_place_of_its_role_s() -> None:
    backend = read_contract().images["backend"]
    other = verify.elsewhere(backend, ROOT, verify.Other("shop/api:1", "python:3"))
    assert (other.name, other.source, other.base, other.dockerfile) == ("shop/api:1", "registry", "python:3", "")
    changed = {key for key in type(backend).model_fields if getattr(other, key) != getattr(backend, key)}
    assert changed == {"name", "source", "base", "dockerfile"}


def test_a_path_is_from_the_checkout_s_root() -> None:
    backend = read_contract().images["backend"]
    archive = backend.model_copy(update={"source": "archive", "path": "dist/image.tar"})
    assert verify.elsewhere(archive, ROOT).path == str(ROOT / "dist/image.tar")
    assert verify.elsewhere(backend, ROOT) == backend
