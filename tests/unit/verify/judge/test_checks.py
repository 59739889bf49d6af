"""Every check holds for a good image, and fails, alone and with its category, for one that breaks it."""

import pytest

from tests.support.breakage import Breakage
from tests.support.breakages import EVERY
from tests.support.cases import ROLES, good, good_gpu
from verify.judge.checks import CHECKS, GPU_CHECKS
from verify.judge.judge import RULINGS
from verify.judge.verdict import Finding

GOOD = ("PASS", "SKIP", "UNVERIFIED")


def causes(findings: dict[str, Finding]) -> set[str]:
    """The checks that are broken themselves, without those that only could not be seen for that reason."""
    return {
        name for name, finding in findings.items() if finding.outcome not in GOOD and "because" not in finding.evidence
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_good_image_passes(role: str) -> None:
    assert causes(good(role).findings()) == set()
    assert good(role).verdict().outcome == "PASS"


@pytest.mark.parametrize("role", ROLES)
def test_only_the_gpu_image_has_a_claim_that_a_host_without_a_gpu_cannot_show(role: str) -> None:
    unverified = [name for name, finding in good(role).findings().items() if finding.outcome == "UNVERIFIED"]
    assert unverified == (["cuda-runtime"] if role == "worker-gpu" else [])


@pytest.mark.parametrize("role", ROLES)
def test_checks_are_skipped_only_where_the_contract_says_so_and_with_the_reason(role: str) -> None:
    skipped = {name: finding.found for name, finding in good(role).findings().items() if finding.outcome == "SKIP"}
    torch = {"cuda-libraries-agree", "torch-version", "torch-build", "torch-works", "cuda-runtime"}
    expected = {"lazy-server"} if role.startswith("worker") else {"worker-types"}
    expected |= torch if role == "backend" else set()
    assert set(skipped) == expected
    assert all(skipped.values())


def test_a_good_gpu_passes_the_gpu_contract() -> None:
    findings = good_gpu().findings()
    assert {finding.outcome for finding in findings.values()} == {"PASS"}
    assert set(findings) == {"image-present", "built-here", "same-image", "control", *GPU_CHECKS}


@pytest.mark.parametrize("breakage", EVERY, ids=str)
def test_what_is_broken_is_found_by_its_own_check_and_by_no_other(breakage: Breakage) -> None:
    assert causes(breakage.findings) == {breakage.check, *breakage.with_it}


@pytest.mark.parametrize("breakage", EVERY, ids=str)
def test_what_is_broken_is_told_with_outcome_category_and_what_to_do(breakage: Breakage) -> None:
    finding = breakage.findings[breakage.check]
    assert (finding.outcome, finding.category) == (breakage.outcome, breakage.category)
    assert finding.expected
    assert finding.found
    assert finding.action
    assert "{" not in finding.action


@pytest.mark.parametrize("breakage", EVERY, ids=str)
def test_an_image_with_something_broken_does_not_pass(breakage: Breakage) -> None:
    assert breakage.verdict.outcome in (breakage.outcome, "FAIL")


def test_every_check_has_something_that_breaks_it() -> None:
    assert {breakage.check for breakage in EVERY} == {*CHECKS, *GPU_CHECKS}


def test_every_check_has_a_ruling_and_every_ruling_a_check() -> None:
    assert set(RULINGS) == {*CHECKS, *GPU_CHECKS}


def test_the_complete_contract_is_every_check_in_the_table_s_order() -> None:
    assert list(good("dev").findings()) == list(CHECKS)


@pytest.mark.parametrize("check", [*CHECKS.values(), *GPU_CHECKS.values()], ids=lambda check: check.name)
def test_every_check_says_what_it_is_for_and_what_to_do(check: object) -> None:
    assert getattr(check, "purpose")  # noqa: B009 - parametrized over a dataclass
    action = getattr(check, "action").format(role="backend", dockerfile="deploy/docker/Dockerfile.backend")  # noqa: B009
    assert len(action) > 10
