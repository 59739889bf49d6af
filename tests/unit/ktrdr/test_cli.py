"""The command line: quick to help, real in what it does."""

import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr.cli import main

HELP = """
import sys
from ktrdr.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = ("torch", "numpy", "pandas", "fastapi", "pydantic", "uvicorn", "yaml", "opentelemetry", "ktrdr.api")
print(code, [name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("command", [[], ["api"], ["worker"], ["data"], ["data", "sample"], ["train"]], ids=" ".join)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", HELP, *command, "--help"], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stderr.strip() == "0 []"
    assert "usage: ktrdr" in run.stdout


def test_a_sample_is_written_where_it_is_wanted(tmp_path: Path, csv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "sample", "--output", str(tmp_path / "bars.csv")]) == 0
    assert (tmp_path / "bars.csv").read_text() == csv
    assert "6242 bars" in capsys.readouterr().out


def test_a_failure_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "sample", "--upload", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("ktrdr: ")


def test_a_wrong_call_is_status_2() -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fly"])
    assert stop.value.code == 2
