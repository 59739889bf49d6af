"""What a measurement comes to: medians, ratios, goals, the table; and what a command cost."""

import json
import sys

import pytest

from bench.measure import Sample, alternate, busy_seconds, run
from bench.model import Figure, Machine, Report, Series
from bench.table import table
from deploy.errors import Problem

MACHINE = Machine(
    processor="A Processor", cores=2, memory_bytes=24 * 10**9, system="Debian 12", kernel="6.1", engine="Docker 26"
)


def series(*values: float, what: str = "verify") -> Series:
    return Series(what=what, values=list(values))


def figure(ours: Series, other: Series | None = None, at_most: float | None = None) -> Figure:
    return Figure(name="verify of 4", unit="s", ours=ours, other=other, at_most=at_most)


def report(*figures: Figure, quick: bool = False, not_measured: dict[str, str] | None = None) -> Report:
    return Report(
        started="2026-11-22T03:00:00+00:00", seconds=600, revision="0123456789abcdef", quick=quick, machine=MACHINE,
        tools={"docker": "7.2"}, figures=list(figures), not_measured=not_measured or {},
    )  # fmt: skip


def test_the_median_and_not_the_mean_stands_for_a_series() -> None:
    assert series(1.0, 2.0, 60.0).median == 2.0


def test_a_ratio_is_of_the_medians() -> None:
    assert figure(series(1.0, 2.0, 60.0), series(4.0, 4.0, 90.0)).ratio == 0.5


@pytest.mark.parametrize(
    ("one", "reached"),
    [
        (figure(series(3.0), at_most=3.0), True), (figure(series(3.1), at_most=3.0), False),
        (figure(series(3.0), series(6.0), 0.5), True), (figure(series(3.1), series(6.0), 0.5), False),
        (figure(series(3.0)), None),
    ],
)  # fmt: skip
def test_a_goal_is_of_the_ratio_where_there_is_one(one: Figure, *, reached: bool | None) -> None:
    assert one.reached is reached


def test_a_series_without_a_value_is_none() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        series()


def test_the_table_says_where_when_and_what_was_reached() -> None:
    text = table(report(figure(series(3.0), series(6.0, what="shell"), 0.5), figure(series(9.0), at_most=3.0)))
    assert "Taken on 2026-11-22 in 10 min, revision 0123456789ab: A Processor, 2 cores, 24 GB" in text
    assert "| verify of 4 | 3.00 s | 6.00 s, shell | 0.50 | ≤ 0.5 times | yes |" in text
    assert "| verify of 4 | 9.00 s |  |  | ≤ 3 s | **no** |" in text


def test_what_could_not_be_measured_is_told_with_the_reason_and_a_quick_run_is_called_one() -> None:
    text = table(report(quick=True, not_measured={"cold": "no room"}))
    assert "Not measured: cold: no room" in text
    assert "it shows that the measurements run, and nothing else" in text


def test_the_report_holds_medians_and_ratios_too() -> None:
    document = json.loads(report(figure(series(3.0), series(6.0), 0.5)).model_dump_json(by_alias=True))
    assert document["schema"] == 1
    assert document["figures"][0]["ratio"] == document["figures"][0]["at_most"] == 0.5
    assert document["figures"][0]["ours"]["median"] == 3.0


def test_a_command_s_own_memory_is_told_and_its_time() -> None:
    small = run([sys.executable, "-c", "pass"])
    large = run([sys.executable, "-c", "import time; block = b'x' * 200_000_000; time.sleep(0.1)"])
    assert large.peak_bytes - small.peak_bytes == pytest.approx(200e6, rel=0.1)
    assert small.seconds > 0


def test_what_one_after_the_other_costs_is_the_sum_and_the_larger_memory() -> None:
    assert Sample(1.0, 2.0, 30) + Sample(4.0, 5.0, 20) == Sample(5.0, 7.0, 30)


def test_the_machine_s_busy_seconds_grow_with_work() -> None:
    before = busy_seconds()
    run([sys.executable, "-c", "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"])
    assert busy_seconds() - before >= 0.15


def test_a_command_that_fails_is_a_problem_with_its_last_words() -> None:
    with pytest.raises(Problem, match="it ended with 3: the last words"):
        run([sys.executable, "-c", "print('the last words'); raise SystemExit(3)"])


def test_contenders_take_turns_and_change_who_begins() -> None:
    order: list[str] = []

    def contender(name: str, seconds: float) -> Sample:
        order.append(name)
        return Sample(seconds, 0.0, 0)

    ours, other = alternate(3, ("ours", lambda: contender("a", 1.0)), ("other", lambda: contender("b", 2.0)))
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (ours.what, ours.values, other.values) == ("ours", [1.0] * 3, [2.0] * 3)
