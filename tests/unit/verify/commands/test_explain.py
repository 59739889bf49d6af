"""A check is explained by what it is for, what it saw and what to do; a wrong name by those that exist."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import E2E, VERDICT, Artifacts
from deploy.errors import Exit, Problem
from tests.support.cases import CONTRACT, Change, Facts, good
from tests.support.summaries import finding
from verify.commands.explain import MEANT, explain
from verify.judge.checks import CHECKS, END_TO_END_CHECKS, GPU_CHECKS, ON_THE_DEVICE
from verify.judge.end_to_end import EndToEnd


def root_user(facts: Facts) -> None:
    facts.part("subject").update(user="0")


def nothing_read(facts: Facts) -> None:
    facts.contents, facts.contents_error = None, "the export was cut off"


def told(tmp_path: Path, *words: str, change: Change | None = None, role: str = "dev", width: int = 0) -> str:
    """What is printed after a verification of one image, into a pipe or on a terminal so wide."""
    artifacts, file = Artifacts(tmp_path), io.StringIO()
    artifacts.write(role, VERDICT, good(role, change).verdict())
    console = Console(file=file, force_terminal=bool(width), width=width or 80, color_system=None, highlight=False)
    assert explain(list(words), CONTRACT, artifacts, console) == Exit.OK
    return file.getvalue()


def test_a_failed_check_is_told_with_all_that_a_person_can_act_on(tmp_path: Path) -> None:
    text = told(tmp_path, "dev", "user", change=root_user)
    assert text.startswith("dev: user\n")
    for words in (CHECKS["user"].purpose, "FAIL in the verification of 2026-11-21", f"CODE_BUG: {MEANT['CODE_BUG']}"):
        assert words in text
    for label in ("expected", "found", "next"):
        assert f"\n  {label}" in text
    assert "deploy/docker/Dockerfile.dev" in text


def test_what_was_not_seen_leads_to_the_check_that_says_why(tmp_path: Path) -> None:
    text = told(tmp_path, "dev", "size-total", change=nothing_read)
    assert "./noxw -s explain -- dev contents" in text


def test_evidence_is_shown(tmp_path: Path) -> None:
    assert "largest:" in told(tmp_path, "dev", "size-total")


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_of_every_outcome_can_be_explained(tmp_path: Path, check: str) -> None:
    for role in ("backend", "worker-gpu"):
        assert f"is for    {CHECKS[check].purpose}" in told(tmp_path, role, check, role=role)


def test_no_line_is_wider_than_the_terminal(tmp_path: Path) -> None:
    text = told(tmp_path, "dev", "user", change=root_user, width=40)
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("check", END_TO_END_CHECKS)
def test_what_the_images_did_together_can_be_explained(tmp_path: Path, check: str) -> None:
    artifacts, file = Artifacts(tmp_path), io.StringIO()
    findings = [finding("FAIL", name, found=f"{name} went on") for name in END_TO_END_CHECKS]
    artifacts.write(E2E, VERDICT, EndToEnd(outcome="FAIL", images={}, findings=findings))
    assert explain([E2E, check], CONTRACT, artifacts, Console(file=file, width=80)) == Exit.OK
    assert f"is for    {END_TO_END_CHECKS[check].purpose}" in file.getvalue()
    assert f"{check} went on" in file.getvalue()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "backend, dev, worker-cpu, worker-gpu, e2e"),
        (["dev", "user", "more"], "name a role and a check"),
        (["devv", "user"], "no such role: devv"),
        (["dev"], "image-present, built-here"),
        (["dev", "usr"], "did you mean user?"),
        (["dev", "\x00"], "image-present, built-here"),
    ],
)
def test_a_wrong_name_is_told_with_those_that_exist(tmp_path: Path, words: list[str], says: str) -> None:
    with pytest.raises(Problem) as problem:
        told(tmp_path, *words)
    assert problem.value.code == Exit.USAGE
    assert says in str(problem.value)


def before(tmp_path: Path, *words: str) -> str:
    """What is printed where nothing was verified."""
    file = io.StringIO()
    assert explain(list(words), CONTRACT, Artifacts(tmp_path), Console(file=file, width=80)) == Exit.OK
    return file.getvalue()


@pytest.mark.parametrize("check", [*CHECKS, *GPU_CHECKS])
def test_before_any_verification_a_check_is_told_by_what_it_is_for_and_how_to_see_it(
    tmp_path: Path, check: str
) -> None:
    text = before(tmp_path, "worker-gpu", check)
    one = (CHECKS | GPU_CHECKS)[check]
    session = "build verify-gpu" if check in GPU_CHECKS else "build verify"
    for words in (
        one.purpose,
        "none yet: this image has not been verified since its last build",
        MEANT[one.category],
        f"./noxw -s {session} -- worker-gpu",
    ):
        assert words in text


@pytest.mark.parametrize("role", CONTRACT.roles)
def test_the_checks_on_the_gpu_are_listed_for_images_with_cuda_alone(tmp_path: Path, role: str) -> None:
    with pytest.raises(Problem) as problem:
        before(tmp_path, role)
    assert ("gpu-present" in str(problem.value)) == (CONTRACT.images[role].torch == "cuda")


@pytest.mark.parametrize("check", END_TO_END_CHECKS)
def test_so_is_a_check_of_the_images_at_work_together(tmp_path: Path, check: str) -> None:
    text = before(tmp_path, E2E, check)
    assert END_TO_END_CHECKS[check].purpose in text
    assert "./noxw -s build verify e2e" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dev"], "image-present, built-here"),
        (["worker-gpu", "gpu-libary"], "did you mean gpu-libraries?"),
        (["backend", "training/smoke"], "did you mean ./noxw -s explain -- e2e training/smoke?"),
        (["backend", "gpu-present"], "it is for images with CUDA PyTorch"),
        (["dev", "gpu-present"], "did you mean ./noxw -s explain -- worker-gpu gpu-present?"),
    ],
)
def test_before_any_verification_a_wrong_name_is_told_too(tmp_path: Path, words: list[str], says: str) -> None:
    with pytest.raises(Problem, match=says.replace("?", r"\?")):
        before(tmp_path, *words)


def test_a_check_on_the_gpu_is_told_from_the_verification_with_one(tmp_path: Path) -> None:
    verdict = good("worker-gpu").verdict()
    findings = [finding("PASS", name, found=f"{name} was seen") for name in ON_THE_DEVICE]
    whole = verdict.model_copy(update={"gpu": True, "findings": findings, "outcome": "PASS"})
    Artifacts(tmp_path / "gpu").write("worker-gpu", VERDICT, whole)
    assert "gpu-libraries was seen" in before(tmp_path, "worker-gpu", "gpu-libraries")


def test_an_outcome_that_does_not_follow_is_not_explained(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    artifacts.write("dev", VERDICT, good("dev", root_user).verdict().model_copy(update={"outcome": "PASS"}))
    with pytest.raises(Problem, match="FAIL follows from its findings"):
        explain(["dev", "user"], CONTRACT, artifacts, Console(file=io.StringIO()))


def test_an_unreadable_verdict_is_told_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "dev" / VERDICT
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    with pytest.raises(Problem) as problem:
        explain(["dev", "user"], CONTRACT, Artifacts(tmp_path), Console(file=io.StringIO()))
    assert problem.value.code == Exit.USAGE
