"""What people type is looked for where a shell would find it, and asked for its help."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import probe, results, run


def report(directory: Path, *names: str) -> Any:
    done = run(directory, {"commands": probe("commands", list(names))}, PATH=f"{directory}:/usr/bin:/bin")
    return results(done)["commands"]["report"]["commands"]


def program(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(text, encoding="utf-8")
    (directory / name).chmod(0o755)


@pytest.mark.parametrize(
    ("text", "code"), [("#!/bin/sh\necho usage $1", 0), ("#!/bin/sh\necho usage $1 >&2; exit 3", 3)]
)
def test_a_command_is_asked_for_its_help(tmp_path: Path, text: str, code: int) -> None:
    program(tmp_path, "tool", text)
    assert report(tmp_path, "tool") == {"tool": {"outcome": "ended", "exit_code": code, "printed": "usage --help\n"}}


def test_one_that_is_not_there_and_one_that_cannot_be_run_are_told_apart(tmp_path: Path) -> None:
    program(tmp_path, "broken", "#!/nowhere/python\n")
    found = report(tmp_path, "missing", "broken")
    assert found["missing"] == {"outcome": "not found"}
    assert found["broken"]["outcome"] == "not started"
    assert "/broken" in found["broken"]["printed"]


def test_of_what_a_command_prints_the_end_is_kept(tmp_path: Path) -> None:
    program(tmp_path, "loud", "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x; echo the end")
    printed = report(tmp_path, "loud")["loud"]["printed"]
    assert len(printed) == 2000
    assert printed.endswith("the end\n")
