"""A deadline leaves out what processes waited for a processor, within bounds, and asks only where it would be over."""

import importlib
import os
from typing import Any

import pytest

probe: Any = importlib.import_module("verify.probes.patience")
LONGEST, Patience = probe.LONGEST, probe.Patience


class Clock:
    """The clock and the kernel's figure, as a test sets them."""

    def __init__(self) -> None:
        self.now, self.waited, self.asked = 100.0, 0.0, 0

    def of(self, session: int) -> float:
        assert session == 7
        self.asked += 1
        return self.waited


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(probe.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(probe, "waited", clock.of)
    return clock


def test_on_an_idle_machine_a_deadline_is_the_clock_s(clock: Clock) -> None:
    due = Patience(10.0, 7)
    assert due.left() == 10.0
    clock.now = 109.0
    assert (due.left(), clock.asked) == (1.0, 0)
    clock.now = 110.0
    assert (due.left(), clock.asked) == (0.0, 1)


def test_a_deadline_may_count_from_an_earlier_moment(clock: Clock) -> None:
    assert Patience(10.0, 7, 95.0).left() == 5.0
    assert clock.asked == 0


def test_what_was_waited_for_a_processor_is_given_once(clock: Clock) -> None:
    due = Patience(10.0, 7)
    clock.now, clock.waited = 110.0, 4.0
    assert due.left() == 4.0
    clock.now = 114.0
    assert due.left() == 0.0
    clock.waited = 5.0
    assert due.left() == 1.0


def test_a_process_that_ended_takes_no_time_away(clock: Clock) -> None:
    due = Patience(10.0, 7)
    clock.now, clock.waited = 110.0, 4.0
    assert due.left() == 4.0
    clock.now, clock.waited = 114.0, 1.0
    assert due.left() == 0.0
    clock.waited = 2.0
    assert due.left() == 1.0


def test_no_deadline_comes_later_than_its_bound_however_long_was_waited(clock: Clock) -> None:
    due = Patience(10.0, 7)
    clock.now, clock.waited = 111.0, 1000.0
    assert due.left() == LONGEST * 10.0 - 11.0
    clock.now = 100.0 + LONGEST * 10.0
    clock.waited = 5000.0
    assert due.left() == 0.0


def test_the_kernel_tells_what_the_processes_of_a_session_waited() -> None:
    assert 0.0 < probe.waited(os.getsid(0)) < 10.0**6
    assert probe.waited(-1) == 0.0
