"""Recorded surprises: each script states what it pins and what it saw; the runner tells a change from a lack."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from findings import __main__ as findings
from tests.support.checkout import ROOT
from tests.support.documents import text

SURPRISES = ROOT / "docs" / "surprises.md"
SCRIPTS = findings.scripts()
every_script = pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
# Programs of the machine, which no package brings.
NO_PACKAGE = {"docker engine", "buildx"}


def head(script: Path) -> str:
    """The comment at the script's head, a line a part; the lines of a part that goes on are indented."""
    comment = re.match(r"#!/bin/sh\n((?:#.*\n)+)", text(script))
    assert comment
    return re.sub(r"\n {2}(?=\S)", " ", re.sub(r"^# ?", "", comment[1], flags=re.MULTILINE))


def versions(script: Path) -> list[tuple[str, str]]:
    """The software that the head names, with the version."""
    stated = re.search(r"^Versions: (.+)$", head(script), re.MULTILINE)
    assert stated
    return [(name, version) for name, _, version in (part.rpartition(" ") for part in stated[1].split(", "))]


def table() -> list[list[str]]:
    """The rows of both tables."""
    lines = [line for line in text(SURPRISES).splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in rows if row[0] != "one would expect"]


def stand_in(folder: Path, name: str, *lines: str) -> None:
    script = folder / f"{name}.sh"
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    script.chmod(0o755)


def test_there_are_more_than_a_dozen() -> None:
    assert len(SCRIPTS) > 12


@every_script
def test_a_script_is_a_shell_s_and_can_be_called(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", script], check=True)


@every_script
def test_its_head_states_versions_expectation_behaviour_and_output(script: Path) -> None:
    parts = re.findall(r"^(Versions|Expected|Happens|Seen):", head(script), re.MULTILINE)
    assert parts == ["Versions", "Expected", "Happens", "Seen"]


@every_script
def test_it_installs_the_versions_that_it_states_and_no_package_without_one(script: Path) -> None:
    pinned = set(re.findall(r"([\w.-]+)==(\d[\w.]*)", text(script).lower()))
    assert {(name.lower(), version) for name, version in versions(script) if name.lower() not in NO_PACKAGE} <= pinned
    installs = re.findall(r"pip install ((?:[^\n]*\\\n)*[^\n]*)", text(script).replace('pip" install', "pip install"))
    words = [word for line in installs for word in re.split(r"[\s\\;|]+", line) if re.match(r"[A-Za-z]", word)]
    assert installs
    assert not [word for word in words if "==" not in word], words


@every_script
def test_it_works_in_a_temporary_folder_without_this_product_and_names_no_package_index(script: Path) -> None:
    assert "place=$(mktemp -d)\ntrap 'rm -rf \"$place\"' EXIT\n" in text(script)
    assert not re.search(r"\b(ktrdr|deploy|verify)\b", text(script))
    assert not re.search(r"index-url|find-links|://(?!127\.0\.0\.1|server|example\.com)", text(script))


@every_script
def test_it_has_a_row_with_the_versions_that_it_states(script: Path) -> None:
    [row] = [row for row in table() if row[3] == f"`findings/{script.name}`"]
    assert row[2] == ", ".join(" ".join(part) for part in versions(script))


def test_every_row_says_all_four_things_and_names_files_that_exist() -> None:
    for row in table():
        assert len(row) == 4, row
        assert all(row), row
        for name in re.findall(r"`([^`]+)`", row[3]):
            assert (ROOT / name).is_file(), name


def test_a_change_is_told_with_its_output_and_as_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(tmp_path, "a-same", "echo still so")
    stand_in(tmp_path, "b-other", "echo seen: 41", "exit 1")
    assert findings.main([], tmp_path) == 1
    told = capsys.readouterr().out
    assert re.search(r"^a-same +as stated +0 s\nb-other +changed +0 s\n    seen: 41\n$", told)


def test_what_is_not_available_is_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in(tmp_path, "a-lack", "echo not available: an engine", "exit 77")
    assert findings.main([], tmp_path) == 0
    assert re.search(r"^a-lack +not available here +0 s\n    not available: an engine\n", capsys.readouterr().out)


def test_those_that_are_named_run_and_no_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in(tmp_path, "a-same", "exit 0")
    stand_in(tmp_path, "b-other", "exit 1")
    assert findings.main(["a-same"], tmp_path) == 0
    assert "b-other" not in capsys.readouterr().out


def test_the_list_names_each_on_a_line_and_runs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in(tmp_path, "a-same", "exit 1")
    stand_in(tmp_path, "b-other", "exit 1")
    assert findings.main(["--list"], tmp_path) == 0
    assert capsys.readouterr().out == "a-same\nb-other\n"


def test_a_name_that_does_not_exist_is_an_error_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(tmp_path, "a-same", "exit 0")
    with pytest.raises(SystemExit) as end:
        findings.main(["a-smae"], tmp_path)
    assert end.value.code == 2
    assert "a-smae" in capsys.readouterr().err


def test_a_script_whose_time_runs_out_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    made = tmp_path / "made"
    stand_in(
        tmp_path, "a-long", f"mkdir {made}; trap 'rm -r {made}' EXIT; trap 'exit 130' TERM", "tail -f /dev/null & wait"
    )
    code, output = findings.run(tmp_path / "a-long.sh", seconds=1)
    assert code is None
    assert "did not end within 1 s" in output
    assert not made.exists()


def test_a_script_that_does_not_end_when_asked_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "GRACE_SECONDS", 0.5)
    stand_in(tmp_path, "a-deaf", "trap '' TERM", "tail -f /dev/null & wait", "tail -f /dev/null")
    code, output = findings.run(tmp_path / "a-deaf.sh", seconds=0.5)
    assert (code, "did not end" in output) == (None, True)


def test_output_that_is_no_utf_8_is_shown_all_the_same(tmp_path: Path) -> None:
    stand_in(tmp_path, "a-latin", "printf 'caf\\351\\n'")
    assert findings.run(tmp_path / "a-latin.sh") == (0, "caf\ufffd\n")


def test_a_script_gets_no_setting_of_our_own_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "elsewhere")
    stand_in(tmp_path, "a-set", 'echo "set: $PYTHONPYCACHEPREFIX"')
    assert findings.run(tmp_path / "a-set.sh") == (0, "set: \n")
