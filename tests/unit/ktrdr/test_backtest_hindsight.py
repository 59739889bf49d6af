"""A backtest says whether its model has seen the bars before."""

import re
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.hindsight import overlap_warnings, trained_on
from ktrdr.data.bars import Bar, Bars, iso, parse_range, parse_time
from tests.support.checkout import ROOT
from tests.support.documents import README, text

METADATA = {"symbols": ["EURUSD"], "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-31T23:00:00Z"}


def days(*dates: str) -> Bars:
    bars = Bars()
    for date in dates:
        bars.append(Bar(parse_time(date), 1.0, 1.0, 1.0, 1.0, 1.0))
    return bars


@pytest.mark.parametrize(
    ("symbol", "bars", "overlaps"),
    [
        ("EURUSD", days("2024-01-10", "2024-01-11"), True),
        ("EURUSD", days("2023-12-31", "2024-01-01"), True),
        ("EURUSD", days("2024-01-31T23:00:00Z", "2024-02-01"), True),
        ("EURUSD", days("2023-12-30", "2024-02-01"), False),
        ("EURUSD", days("2024-02-01", "2024-02-02"), False),
        ("EURUSD", days(), False),
        ("GBPUSD", days("2024-01-10", "2024-01-11"), False),
    ],
)
def test_a_backtest_over_bars_of_the_training_is_flagged(symbol: str, bars: Bars, *, overlaps: bool) -> None:
    told = trained_on(METADATA, symbol, bars)
    assert [warning[:56] for warning in overlap_warnings(told)] == [
        "The model was trained on bars of this range (2024-01-01 "
    ] * overlaps
    assert told == {
        "trained_start": METADATA["start_date"],
        "trained_end": METADATA["end_date"],
        "overlaps_training": overlaps,
    }


@pytest.mark.parametrize("dates", [{}, {"start_date": None, "end_date": 1}, {"start_date": "soon", "end_date": "late"}])
def test_a_model_that_tells_no_dates_leaves_it_open(dates: dict[str, Any]) -> None:
    told = trained_on({"symbols": ["EURUSD"], **dates}, "EURUSD", days("2024-01-10"))
    assert set(told.values()) == {None}


@pytest.mark.parametrize("document", [README, ROOT / "ktrdr" / "README.md"], ids=["README", "ktrdr/README"])
def test_the_examples_of_the_documents_train_and_trade_on_different_bars(document: Path) -> None:
    ((last_day, first_day),) = re.findall(r"--end-date ([\d-]+).*?--start-date ([\d-]+)", text(document), re.DOTALL)
    _, end = parse_range(None, last_day)
    start, _ = parse_range(first_day, None)
    assert start is not None
    assert end is not None
    metadata = {"symbols": ["EURUSD"], "start_date": iso(parse_time("2023-01-02")), "end_date": iso(end - 3600)}
    assert trained_on(metadata, "EURUSD", days(iso(start)))["overlaps_training"] is False
