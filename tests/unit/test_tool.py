"""The tools as a distribution of their own: one command, with what the two packages need and nothing else."""

import tomllib
from typing import Any

import pytest

from deploy import __main__ as making
from deploy.errors import Exit
from tests.support.checkout import ROOT
from verify import __main__ as verifying
from verify import program

ONLY_HERE = ("nox", "types-docker")  # of the checkout's sessions and of its types
COMMANDS = [*making.COMMANDS, *(word or "verify" for word in verifying.COMMANDS)]


def project(place: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / place / "pyproject.toml").read_text(encoding="utf-8"))


def test_it_depends_on_what_the_tools_depend_on() -> None:
    tool, checkout = project("tool"), project(".")
    here = [one for one in checkout["dependency-groups"]["tools"] if not one.startswith(ONLY_HERE)]
    there = [one.partition(";")[0] for one in tool["project"]["dependencies"]]
    assert there == here
    assert tool["project"]["version"] == checkout["project"]["version"]


def test_each_command_of_both_packages_is_listed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run([]) == 0
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert told == COMMANDS
    assert len(set(COMMANDS)) == len(COMMANDS), "a word of both packages would hide one of them"


@pytest.mark.parametrize("word", COMMANDS)
def test_each_command_reaches_its_package(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run([word, "--help"])
    assert ended.value.code == 0
    package = "deploy" if word in making.COMMANDS else "verify"
    assert f"python -m {package}" in capsys.readouterr().out


def test_an_unknown_role_is_told_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run(["verify", "bakend"]) == Exit.USAGE
    assert "no such role: bakend" in capsys.readouterr().err
