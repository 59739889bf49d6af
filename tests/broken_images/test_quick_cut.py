"""Every check of the judge has seen an image that fails it, for the right reason; the good image passes."""

from collections import Counter

import pytest

from tests.broken_images.catalogue import FAULTS, QUICK
from tests.broken_images.fault import Fault
from tests.broken_images.result import Result, wrong
from verify.judge.checks import CHECKS
from verify.judge.verdict import Verdict


def test_the_good_image_passes_every_check(good_verdict: Verdict) -> None:
    assert good_verdict.outcome == "PASS", f"a false alarm: {wrong(good_verdict)}"
    assert {one.outcome for one in good_verdict.findings} <= {"PASS", "SKIP"}


@pytest.mark.parametrize("fault", QUICK, ids=str)
def test_a_fault_is_caught_for_the_right_reason(fault: Fault, result: Result, told: list[Result]) -> None:
    told.append(result)
    due, got = result.expected, result.got
    assert result.how == "caught", (
        f"{result.how.upper()}: {fault}\n  {fault.check} should be {due.outcome} {due.category}, saying {fault.says}, "
        f"and is {got.outcome} {got.category}: {got.found}"
    )


def test_every_check_is_the_reason_of_a_fault_in_the_quick_cut() -> None:
    assert [fault.check for fault in QUICK if fault.check in CHECKS] == [fault.check for fault in QUICK]
    assert sorted(fault.check for fault in QUICK) == sorted(CHECKS)


def test_the_quick_cut_starts_from_the_smallest_image_alone() -> None:
    assert {fault.base for fault in QUICK} == {"backend"}


def test_no_two_faults_have_the_same_name() -> None:
    assert [name for name, count in Counter(map(str, FAULTS)).items() if count > 1] == []
