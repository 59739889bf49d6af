"""Verdicts become one summary, the same whether one run or many jobs wrote them."""

import itertools
import json
from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import REPORTS, VERDICT, Artifacts, write_model
from deploy.errors import Exit, Problem
from tests.support.summaries import ROLES, complete, finding, four, four_and_a_missing_one, verdict
from verify.commands.summarize import command
from verify.judge.verdict import Finding, Verdict
from verify.report.collect import collect
from verify.report.model import Summary
from verify.report.summary import NO_VERDICT, summarize
from verify.report.write import write

PASS, FAIL, ERROR = finding("PASS"), finding("FAIL"), finding("ERROR")
UNVERIFIED, SKIP = finding("UNVERIFIED"), finding("SKIP")


def save(root: Path, *verdicts: Verdict) -> Path:
    for one in verdicts:
        write_model(root / one.role / VERDICT, complete(one))
    return root


def refused(directories: list[Path], roles: list[str]) -> Problem:
    with pytest.raises(Problem) as caught:
        collect(directories, roles)
    return caught.value


def test_rows_stand_in_the_roles_order_whatever_the_verdicts_order() -> None:
    for verdicts in itertools.permutations(four()):
        assert [row.role for row in summarize(list(verdicts), ROLES).rows] == ROLES


def test_columns_say_what_was_expected_and_what_was_seen() -> None:
    rows = summarize(four(), ROLES).rows
    assert [(row.image, row.torch, row.cuda, row.expected, row.actual) for row in rows] == [
        ("ktrdr-backend:test", "NO", "N/A", "no torch", "no torch"),
        ("ktrdr-dev:test", "YES", "NO", "CPU torch", "CPU torch"),
        ("ktrdr-worker-cpu:test", "YES", "13.0", "CPU torch", "CUDA torch"),
        ("ktrdr-worker-gpu:test", "YES", "13.0", "CUDA torch", "CUDA torch"),
    ]


def test_what_no_probe_has_seen_is_no_absence_of_torch() -> None:
    (row,) = summarize([verdict("backend", ERROR, probe_seconds=None)], ["backend"]).rows
    assert (row.torch, row.cuda, row.actual) == ("?", "?", "not seen")


def test_a_torch_that_is_there_and_does_not_import_is_not_called_absent() -> None:
    (row,) = summarize([verdict("dev", finding("FAIL"), torch="broken")], ["dev"]).rows
    assert (row.torch, row.actual) == ("?", "broken torch")


def test_a_role_without_a_verdict_is_a_row_in_error_that_says_so() -> None:
    row = four_and_a_missing_one().rows[-1]
    assert (row.role, row.outcome) == ("absent", "ERROR")
    assert [(one.outcome, one.found) for one in row.findings] == [("ERROR", NO_VERDICT)]
    assert NO_VERDICT == "no verdict: not built or not verified in this state"


@pytest.mark.parametrize(
    ("findings", "outcome", "code"),
    [
        ([[PASS], [PASS]], "PASS", Exit.OK),
        ([[PASS], [PASS, UNVERIFIED, SKIP]], "PASS", Exit.OK),
        ([[PASS], [PASS, FAIL]], "FAIL", Exit.FAILED),
        ([[ERROR], [FAIL]], "FAIL", Exit.FAILED),
        ([[PASS], [PASS, ERROR]], "ERROR", Exit.UNAVAILABLE),
        ([[PASS], [SKIP]], "ERROR", Exit.UNAVAILABLE),
        ([[PASS]], "ERROR", Exit.UNAVAILABLE),
        ([], "ERROR", Exit.UNAVAILABLE),
    ],
)
def test_the_exit_code_follows_from_the_outcomes(findings: list[list[Finding]], outcome: str, code: Exit) -> None:
    roles = ["backend", "dev"]
    summary = summarize([verdict(role, *some) for role, some in zip(roles, findings, strict=False)], roles)
    assert (summary.outcome, summary.exit_code) == (outcome, code)


def test_no_roles_at_all_is_not_green() -> None:
    assert summarize([], []).exit_code == Exit.UNAVAILABLE
    assert summarize([], []).meaning == "no image was looked at"


def test_a_part_of_the_images_is_not_called_every_image() -> None:
    asked = summarize([verdict("dev")], ["dev"], others=["backend", "worker-cpu"])
    assert asked.meaning == (
        "every image is what its role demands, of those asked about: dev; "
        "`./noxw -s summarize` tells of all, also of: backend, worker-cpu"
    )
    failed = summarize([verdict("dev", finding("FAIL"))], ["dev"], others=["backend"])
    assert failed.meaning.endswith("tells of all, also of: backend")


def test_unverified_is_an_error_with_the_gpu_contract_and_stands_beside_pass_without_it() -> None:
    with_gpu, without = (
        summarize([verdict("worker-gpu", PASS, UNVERIFIED, gpu=gpu)], ["worker-gpu"]) for gpu in (True, False)
    )
    assert (with_gpu.outcome, with_gpu.rows[0].outcome_words) == ("ERROR", ["ERROR", "UNVERIFIED", "GPU only"])
    assert (without.outcome, without.rows[0].outcome_words) == ("PASS", ["PASS", "UNVERIFIED"])
    assert "UNVERIFIED on this host: worker-gpu" in without.meaning


def test_the_meaning_names_who_failed_and_who_was_not_seen() -> None:
    meaning = four_and_a_missing_one().meaning
    assert "worker-cpu" in meaning
    assert "absent" in meaning


def test_the_duration_is_the_sum_of_the_probes_beside_the_specifications_floor() -> None:
    summary = summarize(four(), ROLES)
    assert summary.duration == (
        "checks took 6.0 s, with proof that each ran (observed.json) in place of the specification's minimum of 10 s"
    )
    assert summarize([], ROLES).duration == "no check ran inside an image"


def test_a_directory_is_an_artifacts_root_or_a_folder_of_roots(tmp_path: Path) -> None:
    backend, dev, cpu, gpu = four()
    root = save(tmp_path / "root", backend)
    folder = tmp_path / "downloaded"
    save(folder / "artifacts-dev", dev)
    save(folder / "artifacts-worker-cpu", cpu)
    save(tmp_path / "another", gpu)
    (folder / "note.txt").write_text("no directory")
    assert collect([folder, tmp_path / "another", root], ROLES) == [complete(one) for one in four()]


def test_verdicts_of_other_roles_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path, *four())
    assert [one.role for one in collect([tmp_path], ["dev"])] == ["dev"]


def test_a_root_is_not_searched_for_other_roots(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev"))
    save(tmp_path / "bench", verdict("dev", FAIL), verdict("backend"))
    assert collect([tmp_path], ROLES) == [complete(verdict("dev"))]


def test_a_verdict_by_the_gpu_contract_alone_is_none_on_the_image(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev"), verdict("worker-gpu", gpu=True))
    assert command([], Artifacts(tmp_path), ["dev", "worker-gpu"], Console(quiet=True)) is Exit.UNAVAILABLE


def test_the_same_verdict_twice_counts_once(tmp_path: Path) -> None:
    directories = [save(tmp_path / name, verdict("dev")) for name in ("a", "b")]
    assert collect(directories, ROLES) == [complete(verdict("dev"))]


def test_two_different_verdicts_on_one_role_are_refused_naming_both(tmp_path: Path) -> None:
    directories = [save(tmp_path / "a", verdict("dev")), save(tmp_path / "b", verdict("dev", FAIL))]
    problem = refused(directories, ROLES)
    assert problem.code is Exit.USAGE
    assert all(str(directory / "dev" / VERDICT) in problem.wrong for directory in directories)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "role": "dev"}', "\ud800"],
)
def test_an_unreadable_verdict_is_refused_naming_file_and_next_step(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dev" / VERDICT
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert str(path) in problem.wrong
    assert "./noxw -s verify -- dev" in problem.next_step


def test_a_verdict_whose_outcome_does_not_follow_from_its_findings_is_refused(tmp_path: Path) -> None:
    save(tmp_path, verdict("dev", FAIL).model_copy(update={"outcome": "PASS"}))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert "it says PASS, but FAIL follows from its findings" in problem.wrong


@pytest.mark.parametrize(
    ("gpu", "name"), [(False, "torch-build"), (False, "same-image"), (True, "gpu-present"), (True, "same-image")]
)
def test_a_verdict_that_lacks_a_check_is_refused_naming_it(tmp_path: Path, *, gpu: bool, name: str) -> None:
    whole = complete(verdict("dev", finding("PASS", "another"), gpu=gpu))
    cut = whole.model_copy(update={"findings": [one for one in whole.findings if one.check != name]})
    write_model(tmp_path / "dev" / VERDICT, cut)
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert f"it lacks what this version demands of every image: {name}" in problem.wrong
    assert "./noxw -s verify -- dev" in problem.next_step


def test_a_verdict_in_another_roles_directory_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "dev" / VERDICT, verdict("backend"))
    problem = refused([tmp_path], ROLES)
    assert problem.code is Exit.USAGE
    assert "the verdict is on backend, the directory is named dev" in problem.wrong


def test_nothing_to_read_says_what_to_do_next(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        problem = refused([directory], ROLES)
        assert problem.code is Exit.UNAVAILABLE
        assert str(directory) in problem.wrong
        assert "./noxw -s build verify" in problem.next_step


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
