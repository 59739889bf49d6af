"""Faults are collected in the order in which they are looked for, and only where their condition holds."""

import pytest

from deploy.faults import Faults


def test_faults_that_hold_are_kept_in_order() -> None:
    faults = Faults()
    faults.add(True, "first")
    faults.add(False, "not so")
    faults.add(["x"], "second")
    assert list(faults) == ["first", "second"]


@pytest.mark.parametrize("condition", [False, [], "", 0, None])
def test_nothing_wrong_is_no_fault(condition: object) -> None:
    faults = Faults()
    faults.add(condition, "wrong")
    assert not faults
