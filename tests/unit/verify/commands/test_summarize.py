"""Verdicts become one summary, the same whether one run or many jobs wrote them."""

import itertools
import json
from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import REPORTS, Artifacts
from deploy.errors import Exit, Problem
from tests.support.summaries import ROLES, four, four_and_a_missing_one, save
from verify.commands.summarize import command
from verify.report.model import Summary
from verify.report.write import write


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_merged_summary_of_several_jobs_is_that_of_one_run(tmp_path: Path, order: tuple[int, ...]) -> None:
    backend, dev, cpu, gpu = four()
    jobs = [save(tmp_path / "a", gpu, dev), save(tmp_path / "b", backend), save(tmp_path / "c" / "job", cpu)]
    jobs[2] = tmp_path / "c"
    single, merged = Artifacts(save(tmp_path / "single", *four())), Artifacts(tmp_path / "merged")
    console = Console(quiet=True)
    codes = {
        command([], single, ROLES, console),
        command([jobs[index] for index in order], merged, ROLES, console),
    }
    assert codes == {Exit.FAILED}
    for name in REPORTS:
        assert (merged.root / name).read_bytes() == (single.root / name).read_bytes()


def test_the_summary_survives_its_own_file_and_carries_its_schema(tmp_path: Path) -> None:
    summary = four_and_a_missing_one()
    write(summary, tmp_path, {})
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert Summary.model_validate_json(text) == summary
    assert json.loads(text)["schema"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(REPORTS)


def test_the_markdown_is_appended_to_the_jobs_page_where_there_is_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n", encoding="utf-8")
    write(four_and_a_missing_one(), tmp_path, {"GITHUB_STEP_SUMMARY": str(page)})
    written = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == f"before\n{written}\n"


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="writing the summary"):
        write(four_and_a_missing_one(), tmp_path / "file", {})


def test_what_cannot_be_written_is_printed_all_the_same(tmp_path: Path) -> None:
    save(tmp_path, *four())
    (tmp_path / "summary.md").mkdir()
    console = Console(width=200, file=(tmp_path / "printed").open("w", encoding="utf-8"))
    with pytest.raises(Problem, match="writing the summary"):
        command([], Artifacts(tmp_path), ROLES, console)
    console.file.close()
    assert "ktrdr-worker-gpu:test" in (tmp_path / "printed").read_text(encoding="utf-8")


def test_the_command_prints_the_table_and_where_the_files_are(tmp_path: Path) -> None:
    save(tmp_path, *four())
    console = Console(record=True, width=200, quiet=False, file=(tmp_path / "printed").open("w", encoding="utf-8"))
    assert command([], Artifacts(tmp_path), ROLES, console) is Exit.FAILED
    printed = console.export_text()
    assert "ktrdr-worker-gpu:test" in printed
    assert f"summary.json, summary.md, junit.xml, report.html in {tmp_path}" in printed
