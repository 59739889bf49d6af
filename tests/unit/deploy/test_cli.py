"""``python -m deploy``: exact exit codes, one clear message each, never a traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import __main__ as command
from deploy.errors import Exit, Problem
from tests.support.checkout import CONTRACT_FILE, ROOT, read_contract

EVERY = [
    "build", "publish", "key", "engine", "engine-stop", "matrix", "stack", "compose", "kubernetes", "pin", "clean",
]  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["python -m deploy", *words])
    return command.main()


@pytest.fixture
def wrong_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract that is read by default has two mistakes."""
    path = tmp_path / "images.toml"
    text = CONTRACT_FILE.read_text(encoding="utf-8").replace('"25.5 MB"', '"25.5"').replace("heavy =", "heavi =")
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("KTRDR_CONTRACT", str(path))


@pytest.fixture(autouse=True)
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test asks for, no engine is touched."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nonexistent.sock")
    monkeypatch.setenv("KTRDR_ARTIFACTS", str(tmp_path / "artifacts"))


def test_the_matrix_is_the_contract_s_roles_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "matrix") == Exit.OK
    assert json.loads(capsys.readouterr().out) == {"role": read_contract().roles}


@pytest.mark.usefixtures("wrong_contract")
@pytest.mark.parametrize("words", [["matrix"], ["build"], ["build", "backend"]])
def test_a_wrong_contract_is_told_with_all_its_mistakes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words) == Exit.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "images.backend.added_at_most = '25.5': write a size" in told.err
    assert "application.heavi" in told.err
    assert "next: " in told.err


def test_an_unknown_role_is_told_before_anything_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["build", "backend", "bakend"], ["publish", "bakend", "--registry", "registry.example"]):
        assert run(monkeypatch, *words) == Exit.USAGE
        assert "no such role: bakend" in capsys.readouterr().err


def test_a_key_that_cannot_be_read_is_told_before_a_registry_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = ["--registry", "registry.example", "--key", str(tmp_path / "absent")]
    for words in (["publish", *to], ["stack", *to], ["compose", *to], ["kubernetes", *to]):
        assert run(monkeypatch, *words) == Exit.USAGE
        assert f"reading the key: {tmp_path}/absent" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--key", "k.pub"], ["--most-days", "90"], ["--unattested"], ["--plain-http"]])
def test_an_option_that_needs_a_registry_is_not_passed_over_without_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, "stack", *words) == Exit.USAGE
    told = capsys.readouterr()
    assert f"{words[0]}: only of use with --registry R" in told.err
    assert told.out == ""


@pytest.mark.parametrize("word", ["compose", "kubernetes"])
def test_a_registry_without_a_name_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert run(monkeypatch, word, "--registry", "", "--unattested") == Exit.USAGE
    assert f"{word} needs the registry's name" in capsys.readouterr().err


def test_a_key_is_made_with_its_public_half_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "key", str(tmp_path / "own.key")) == Exit.OK
    assert {path.name for path in tmp_path.glob("own.*")} == {"own.key", "own.key.pub"}
    assert f"{tmp_path}/own.key.pub checks" in capsys.readouterr().out
    assert run(monkeypatch, "key", str(tmp_path / "own.key")) == Exit.USAGE


def test_without_an_engine_a_build_says_where_it_looked_and_leaves_earlier_records_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "artifacts" / "backend" / "build.json"
    record.parent.mkdir(parents=True)
    record.touch()
    assert run(monkeypatch, "build") == Exit.UNAVAILABLE
    told = capsys.readouterr().err
    assert "nonexistent.sock" in told
    assert "next: " in told
    assert record.exists()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["bild"],
        ["build", "--all"],
        ["engine", "backend"],
        ["matrix", "dev"],
        ["publish", "dev"],
        ["compose"],
        ["key"],
    ],
)
def test_a_command_line_that_is_none_has_the_exit_code_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == Exit.USAGE
    assert "usage: python -m deploy" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], *([one, "--help"] for one in EVERY)])
def test_every_command_has_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *words)
    assert caught.value.code == 0
    assert "usage: python -m deploy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (Problem("doing", "wrong", "what to do", Exit.FAILED), 1, "doing: wrong\n  next: what to do\n"),
        (Problem("doing", "wrong", "what to do"), 3, "doing: wrong\n  next: what to do\n"),
    ],
)
def test_however_a_command_ends_its_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, told: str
) -> None:
    def ends(_arguments: Any) -> int:
        raise error

    monkeypatch.setattr(command, "run", ends)
    assert run(monkeypatch, "build") == code
    assert capsys.readouterr().err == told


def test_the_exit_codes_are_the_agreed_ones() -> None:
    assert {one.name: int(one) for one in Exit} == {
        "OK": 0, "FAILED": 1, "USAGE": 2, "UNAVAILABLE": 3, "INTERRUPTED": 130,
    }  # fmt: skip


def test_the_matrix_needs_no_library_of_docker_s() -> None:
    """What CI's first job runs is quick: the engine's libraries are loaded by the commands that use them."""
    program = "import runpy, sys\nsys.argv = ['deploy', 'matrix']\n"
    program += "try:\n    runpy.run_module('deploy', run_name='__main__')\n"
    program += "except SystemExit as ended:\n    print(int(ended.code), 'docker' in sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"
