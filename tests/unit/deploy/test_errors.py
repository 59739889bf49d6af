"""With a Python that lacks what a command needs, one line says how to run it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.errors import Exit, outside
from tests.support.checkout import ROOT

BARE = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize(
    "words", [["deploy", "build"], ["deploy", "matrix"], ["verify"], ["verify", "summarize"], ["bench", "--help"]]
)
def test_outside_the_environment_a_command_says_in_one_line_how_to_run_it(words: list[str]) -> None:
    python = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {BARE}"]
    ended = subprocess.run([*python, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == Exit.USAGE
    assert line.startswith(f"python -m {words[0]}: {sys.executable}")
    assert f"`.venv/bin/python -m {words[0]} ...`; `./noxw -l` makes .venv" in line
    assert ended.stdout == ""


def test_what_is_loaded_late_is_told_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        outside("verify", ModuleNotFoundError("No module named 'docker'", name="docker"))
    assert ended.value.code == Exit.USAGE
    assert "No module named 'docker'" in capsys.readouterr().err


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_shows_where() -> None:
    with pytest.raises(ImportError):
        outside("verify", ImportError("cannot import name", name="verify.commands.verify"))


def firsts() -> Iterator[tuple[str, str]]:
    """The beginning of what each Problem says was being done, as far as its module writes it down: place and text."""
    for path in sorted(
        path for package in ("deploy", "verify", "bench", "tests") for path in (ROOT / package).rglob("*.py")
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Problem" and node.args:
                first = node.args[0]
                value = constants.get(first.id, first) if isinstance(first, ast.Name) else first
                start = value.values[0] if isinstance(value, ast.JoinedStr) else value
                if isinstance(start, ast.Constant):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", str(start.value)


def test_every_problem_begins_with_what_was_being_done_in_small_letters() -> None:
    told = dict(firsts())
    assert len(told) > 40
    assert {place: text for place, text in told.items() if not re.match(r"[a-z]+ing\b", text)} == {}
