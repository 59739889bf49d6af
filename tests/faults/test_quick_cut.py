"""Every check of the judge has seen an image that fails it, for the right reason; the good image passes."""

from collections import Counter

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from verify.checks import CHECKS
from verify.verdict import Verdict

# Checks that no fault of the quick cut causes to fail, with the reason. Those of verify.checks.GPU_CHECKS need a GPU.
NO_FAULT: dict[str, str] = {}


def wrong(verdict: Verdict) -> str:
    """Return what a verdict finds wrong, a line a finding."""
    found = [one for one in verdict.findings if one.outcome in ("FAIL", "ERROR")]
    return "\n".join(f"  {one.outcome} {one.category} {one.check}: {one.found[:300]}" for one in found) or "  nothing"


def test_the_good_image_passes_every_check(good_verdict: Verdict) -> None:
    assert good_verdict.outcome == "PASS", f"a false alarm:\n{wrong(good_verdict)}"
    assert {one.outcome for one in good_verdict.findings} <= {"PASS", "SKIP"}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_caught_for_the_right_reason(fault: Fault, verdict: Verdict, told: dict[str, list[str]]) -> None:
    found = next(one for one in verdict.findings if one.check == fault.check)
    right = (found.outcome, found.category) == (fault.outcome, fault.category)
    right = right and all(words in found.found for words in fault.says)
    missed = found.outcome == "PASS" and "FAIL" not in {one.outcome for one in verdict.findings}
    how = "caught" if right else "missed" if missed else "caught for the wrong reason"
    told[how].append(fault.name)
    assert how == "caught", (
        f"{how.upper()}: {fault}\n  {fault.check} should be {fault.outcome} {fault.category}, saying {fault.says}, "
        f"and is {found.outcome} {found.category}: {found.found}\nwhat was found wrong:\n{wrong(verdict)}"
    )
    assert found.action, "a finding says what to do next"
    assert not fault.hides or fault.hides not in verdict.model_dump_json(), "the verdict shows the secret"


def test_every_check_is_the_reason_of_a_fault() -> None:
    without = CHECKS.keys() - {fault.check for fault in FAULTS}
    assert without == NO_FAULT.keys(), f"no fault fails: {', '.join(sorted(without))}"


def test_no_two_faults_have_the_same_name() -> None:
    twice = [name for name, count in Counter(map(str, FAULTS)).items() if count > 1]
    assert twice == []
