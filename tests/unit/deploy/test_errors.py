"""With a Python that lacks what a command needs, one line says how to run it."""

import subprocess
import sys

import pytest

from deploy.contract import ROOT
from deploy.errors import Exit, outside

BARE = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize("words", [["deploy", "build"], ["deploy", "matrix"], ["verify"], ["verify", "summarize"]])
def test_outside_the_environment_a_command_says_in_one_line_how_to_run_it(words: list[str]) -> None:
    python = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {BARE}"]
    ended = subprocess.run([*python, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == Exit.USAGE
    assert line.startswith(f"python -m {words[0]}: {sys.executable}")
    assert f"`uv run --frozen --group tools python -m {words[0]} ...`" in line
    assert ended.stdout == ""


def test_what_is_loaded_late_is_told_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        outside("verify", ModuleNotFoundError("No module named 'docker'", name="docker"))
    assert ended.value.code == Exit.USAGE
    assert "No module named 'docker'" in capsys.readouterr().err


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_shows_where() -> None:
    with pytest.raises(ImportError):
        outside("verify", ImportError("cannot import name", name="verify.commands.verify"))
