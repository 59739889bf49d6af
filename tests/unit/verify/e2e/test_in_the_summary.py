"""What came of the images at work together counts in the summary, and goes when one of them is made anew."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from deploy.artifacts import BUILD, CONTENTS, E2E, VERDICT, Artifacts, write_model
from deploy.errors import Exit, Problem
from tests.support.checkout import read_contract
from tests.support.summaries import complete, finding, verdict
from verify.commands.summarize import command
from verify.judge.checks import END_TO_END_CHECKS
from verify.judge.end_to_end import EndToEnd, Used
from verify.judge.verdict import Finding, outcome_of
from verify.report.collect import collect_e2e
from verify.report.console import show
from verify.report.junit import junit
from verify.report.markdown import markdown
from verify.report.model import Summary
from verify.report.summary import summarize

ROLES = ["backend", "worker-cpu"]
VERDICTS = [verdict("backend", torch="absent"), verdict("worker-cpu", torch_version="2.13.0+cpu")]


def end_to_end(*findings: Finding, identity: str = "sha256:2") -> EndToEnd:
    judged = list(findings) or [finding("PASS", "training/smoke")]
    used = {role: Used(tag=f"ktrdr-{role}:test", image_id="sha256:1", identity=identity) for role in ROLES}
    figures = {"training": 7.25}
    return EndToEnd(outcome=outcome_of(judged), images=used, figures=figures, findings=judged, seconds=83.21)


def summary(*findings: Finding) -> Summary:
    return summarize(VERDICTS, ROLES, end_to_end(*findings))


def printed(of: Summary) -> str:
    console = Console(width=100, highlight=False)
    with console.capture() as capture:
        show(of, console)
    return capture.get()


@pytest.mark.parametrize(("outcome", "code"), [("PASS", Exit.OK), ("FAIL", Exit.FAILED), ("ERROR", Exit.UNAVAILABLE)])
def test_it_counts_like_an_image(outcome: str, code: Exit) -> None:
    made = summary(finding(outcome, "training/smoke"))  # type: ignore[arg-type]  # one of the outcomes
    assert (made.outcome, made.exit_code) == (outcome, code)
    assert outcome == "PASS" or made.meaning.endswith("e2e")


def test_a_failed_image_is_not_outvoted() -> None:
    made = summarize([verdict("backend", finding("FAIL")), VERDICTS[1]], ROLES, end_to_end())
    assert made.outcome == "FAIL"


def test_on_other_images_than_were_verified_it_says_nothing_about_them() -> None:
    made = summarize(VERDICTS, ROLES, end_to_end(identity="sha256:other"))
    assert made.e2e is not None
    (only,) = made.e2e.findings
    assert (made.outcome, only.check, only.outcome) == ("ERROR", "verified-images", "ERROR")
    assert only.found == "it ran on another image of: backend, worker-cpu"


def test_its_findings_are_told_everywhere() -> None:
    made = summary(finding("PASS", "training/smoke"), finding("FAIL", "operations/cancel", found="after 9.0 s"))
    assert "end to end: FAIL, 2 checks in 83.2 s" in printed(made)
    assert "FAIL  operations/cancel" in printed(made)
    assert "### FAIL operations/cancel" in markdown(made)
    (suite,) = ET.fromstring(junit(made)).findall("testsuite[@name='e2e']")  # noqa: S314 - our own document
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties == {
        "outcome": "FAIL",
        "backend.identity": "sha256:2",
        "worker-cpu.identity": "sha256:2",
        "training": "7.250",
    }


def test_where_it_was_not_run_that_is_said_and_fails_nothing() -> None:
    made = summarize(VERDICTS, ROLES)
    assert made.outcome == "PASS"
    for text in (printed(made), markdown(made)):
        assert "end to end: not run in this state" in text


def whole(*findings: Finding) -> EndToEnd:
    """What came of them, with a PASS for every check that is not among the findings, as a file has to have them."""
    mentioned = {one.check for one in findings}
    return end_to_end(*findings, *(finding("PASS", name) for name in END_TO_END_CHECKS if name not in mentioned))


def saved(root: Path, e2e: EndToEnd) -> Path:
    write_model(root / E2E / VERDICT, e2e)
    return root


def test_it_is_read_with_the_verdicts_of_one_run_or_of_many_jobs(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "all")
    for number, one in enumerate(VERDICTS):
        write_model(artifacts.root / f"job-{number}" / one.role / VERDICT, complete(one))
    saved(artifacts.root / "job-2", whole(finding("FAIL", "training/smoke")))
    with Console().capture():
        assert command([artifacts.root], artifacts, ROLES, Console(quiet=True)) == Exit.FAILED


def test_two_that_differ_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a", whole())
    saved(tmp_path / "b", whole(finding("FAIL")))
    with pytest.raises(Problem, match="two different verdicts on e2e") as refusal:
        collect_e2e([tmp_path / "a", tmp_path / "b"])
    assert refusal.value.code == Exit.USAGE
    assert collect_e2e([tmp_path / "a", tmp_path / "a"]) == whole()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"schema": 2}', "schema 2"),
        ("{", "Expecting"),
        (end_to_end().model_dump_json(by_alias=True), "lacks .* of the images together: verified-images, "),
        (whole().model_copy(update={"outcome": "FAIL"}).model_dump_json(by_alias=True), "PASS follows"),
    ],
)
def test_one_that_cannot_be_believed_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / E2E / VERDICT
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(Problem, match=reason) as refusal:
        collect_e2e([tmp_path])
    assert refusal.value.code == Exit.USAGE
    assert "./noxw -s e2e" in refusal.value.next_step


@pytest.mark.parametrize("stage", [BUILD, CONTENTS])
@pytest.mark.parametrize("role", read_contract().roles)
def test_a_new_build_or_verification_of_a_role_that_takes_part_removes_it(
    tmp_path: Path, role: str, stage: str
) -> None:
    artifacts = Artifacts(saved(tmp_path, end_to_end()))
    artifacts.begin(role, stage)
    assert artifacts.path(E2E, VERDICT).exists() is (role not in ROLES)
