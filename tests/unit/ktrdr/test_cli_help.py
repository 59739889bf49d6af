"""The command line's help: quick, and true of the commands that there are."""

import re
import subprocess
import sys
from inspect import getsource
from pathlib import Path
from types import ModuleType

import pytest

import ktrdr.commands
import ktrdr.settings
import ktrdr.worker.settings
from ktrdr.cli import _parser, main
from ktrdr.commands import COMMANDS, GROUPS
from ktrdr.settings import version

TIMEOUT_S = 60.0
IMPORT_LIMIT_S = 0.2
HELP = """
import sys, time
began = time.process_time()
from ktrdr.cli import main
imported = time.process_time() - began
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = {"torch", "numpy", "pandas", "fastapi", "starlette", "pydantic", "uvicorn", "yaml", "asyncio", "http", "ssl"}
loaded = {name.partition(".")[0] for name in sys.modules}
found = sorted(loaded & heavy) + sorted(name for name in sys.modules if "telemetry" in name)
quick = ("ktrdr.cli", "ktrdr.commands", "ktrdr.errors")
found += sorted(name for name in sys.modules if name.startswith("ktrdr.") and not name.startswith(quick))
print(code, found, imported, file=sys.stderr)
"""
SINGLE = [command.name.split() for command in COMMANDS]
EVERY = [[], *([group] for group in GROUPS), *SINGLE]


def asked_for_help(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HELP, *command, "--help"], capture_output=True, text=True, check=True, timeout=TIMEOUT_S
    )


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_help_loads_nothing_but_the_command_line_itself(command: list[str]) -> None:
    run = asked_for_help(command)
    assert run.stderr.startswith("0 [] ")
    assert run.stdout.startswith("usage: ktrdr")


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_help_fits_80_columns(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_the_command_line_is_imported_in_no_time() -> None:
    assert min(float(asked_for_help([]).stderr.split()[-1]) for _ in range(5)) < IMPORT_LIMIT_S


@pytest.mark.parametrize("command", [[], *SINGLE], ids=" ".join)
def test_help_teaches_by_examples_that_parse(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    examples = re.findall(r"^ +(?:[A-Z_]+=\S+ )*ktrdr ((?:\S+ )*\S+)", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        assert example.split()[: len(command)] == command
        typed = [word for word in example.split() if not word.startswith(("<", ">"))]
        assert _parser().parse_args(typed).run


@pytest.mark.parametrize(("command", "module"), [("api", ktrdr.settings), ("worker", ktrdr.worker.settings)])
def test_help_lists_every_setting_that_the_service_reads(
    command: str, module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    _, _, listed = capsys.readouterr().out.partition("settings (environment): ")
    assert set(re.split(r", ", " ".join(listed.split()))) == set(re.findall(r'"(KTRDR_\w+)"', getsource(module)))


def test_every_command_has_a_module_and_every_module_of_a_command_is_listed() -> None:
    folder = Path(ktrdr.commands.__file__).parent
    helpers = {"__init__", "parts", "client", "tables", "progress", "figures"}
    assert {path.stem for path in folder.glob("*.py")} - helpers == {"_".join(command) for command in SINGLE}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["trian"], "did you mean train?"),
        (["backtset", "x"], "did you mean backtest?"),
        (["data", "sampel"], "did you mean data sample?"),
        (["sample"], "did you mean data sample?"),
        (["strategy", "schema"], "did you mean strategies schema?"),
        (["list"], "did you mean data list?"),
        (["list", "models"], "did you mean models list?"),
        (["operation"], "did you mean operations?"),
        (["data", "fly"], "ktrdr --help lists the commands"),
        (["fly"], "ktrdr --help lists the commands"),
    ],
)
def test_a_mistyped_command_is_told_with_what_may_be_meant(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(typed)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"ktrdr {version()}\n"
