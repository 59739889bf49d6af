"""A backtest's decisions on a day do not depend on where its range begins."""

import random
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from ktrdr.backtesting.hindsight import warm_up_warnings
from ktrdr.data.bars import Bar, Bars, iso, parse_time
from ktrdr.data.sample import to_csv
from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.compute import compute
from ktrdr.indicators.history import bars_needed
from ktrdr.names import TIMEFRAME_SECONDS, TIMEFRAMES
from ktrdr.strategy.checks import check
from ktrdr.strategy.schema import Strategy
from ktrdr.training.dataset import build
from ktrdr.training.features import feature_rows
from ktrdr.training.history import fetch
from tests.api.population import STRATEGY, store_model
from tests.support.direct_backend import DirectBackend

COUNT: Final = 1500
MONDAY: Final = 946_857_600  # 2000-01-03
SHORT: Final[dict[str, float]] = {
    "period": 5,
    "smooth_period": 3,
    "fast_period": 3,
    "slow_period": 6,
    "signal_period": 4,
    "tenkan_period": 3,
    "kijun_period": 5,
    "senkou_b_period": 8,
    "displacement": 6,
    "atr_period": 4,
}
ACCUMULATING: Final = [kind for kind in CATALOGUE if bars_needed(kind, {}) is None]


def strategy_of(kinds: list[str], timeframes: list[str], history: int = 20) -> Strategy:
    """Every output of these indicators, on these timeframes."""
    indicators = {
        kind: {"type": kind, "parameters": {
            parameter.name: SHORT[parameter.name] for parameter in CATALOGUE[kind].parameters if parameter.name in SHORT
        }} for kind in kinds
    }  # fmt: skip
    document = {
        "name": "all", "version": "3.0", "indicators": indicators,
        "training_data": {"symbols": ["EURUSD-SAMPLE"], "timeframes": timeframes, "history_required": history},
        "fuzzy_sets": {"one": {"indicator": kinds[0], "low": [0, 1, 2]}},
        "nn_inputs": [{"indicator": f"{kind}.{output}"} for kind in kinds for output in CATALOGUE[kind].outputs],
        "model": {"type": "mlp"}, "training": {"labels": {"type": "zigzag"}},
    }  # fmt: skip
    strategy, issues = check(document, "all")
    assert strategy, issues
    return strategy


def market(timeframe: str, begin: int = MONDAY) -> Bars:
    dice, bars, price = random.Random(timeframe), Bars(), 1.1  # noqa: S311  repeatable on purpose
    for place in range(COUNT):
        close = price * (1 + dice.gauss(0, 0.003))
        high, low = max(price, close) * (1 + 0.001 * dice.random()), min(price, close) * (1 - 0.001 * dice.random())
        bars.append(
            Bar(begin + place * TIMEFRAME_SECONDS[timeframe], price, high, low, close, float(dice.randrange(9)))
        )
        price = close
    return bars


@pytest.fixture
def backend(client: TestClient) -> DirectBackend:
    return DirectBackend(client)


def rows_from(backend: DirectBackend, strategy: Strategy, start: str | None, end: str | None = None) -> dict[int, Any]:
    """The features by time, as the worker asks for a range's bars."""
    request = {"symbol": "EURUSD-SAMPLE", "start_date": start, "end_date": end}
    timeframes = strategy.training_data.timeframes
    bars = fetch(backend, strategy, timeframes, request)
    since = parse_time(start) if start else 0
    rows = dict(zip(bars[timeframes[0]].times, feature_rows(strategy, bars)[1], strict=True))
    return {time: row for time, row in rows.items() if time >= since}


@pytest.mark.parametrize("kind", CATALOGUE)
def test_an_indicator_depends_on_no_more_earlier_bars_than_it_says(kind: str) -> None:
    dice, bars = random.Random(kind), market("1h")  # noqa: S311  repeatable on purpose
    for _ in range(10):
        parameters = {name: value + dice.randrange(3) for name, value in SHORT.items()}
        parameters = {own.name: parameters.get(own.name, own.default) for own in CATALOGUE[kind].parameters}
        whole = compute(kind, bars, parameters)
        needed = bars_needed(kind, parameters)
        start = dice.randrange(needed or 0, COUNT)
        late = compute(kind, bars.between(start - needed if needed is not None else 0, COUNT), parameters)
        assert {name: column[start - COUNT :] for name, column in late.items()} == {
            name: column[start:] for name, column in whole.items()
        }


@pytest.mark.parametrize(
    "kinds", [[kind for kind in CATALOGUE if kind not in ACCUMULATING], ACCUMULATING, ["rsi"]], ids="+".join
)
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_features_of_common_bars_are_the_same_for_every_range(
    timeframe: str, kinds: list[str], backend: DirectBackend
) -> None:
    dice = random.Random(f"{timeframe} {kinds}")  # noqa: S311  repeatable on purpose
    coarser = TIMEFRAMES[TIMEFRAMES.index(timeframe) + 1 :][:1]
    for name in (timeframe, *coarser):  # the coarser series begins early enough to have closed bars throughout
        begin = MONDAY - (name != timeframe) * COUNT // 2 * TIMEFRAME_SECONDS[name]
        assert backend.client.post(f"data/EURUSD-SAMPLE/{name}", content=to_csv(market(name, begin))).is_success
    strategy = strategy_of(kinds, [timeframe, *coarser])
    whole = rows_from(backend, strategy, None)
    times = list(whole)
    for _ in range(2):
        start = times[dice.randrange(len(times) - 10)] + dice.randrange(60)
        found = rows_from(backend, strategy, iso(start))
        assert found == {time: row for time, row in whole.items() if time >= start}


def new_york_days(hours: Bars) -> Bars:
    """Days that open at 17:00 in New York: 21:00 UTC in summer, 22:00 from 2024-11-03 to 2025-03-08."""
    days = Bars()
    for place, time in enumerate(hours.times):
        winter = parse_time("2024-11-03T06:00") <= time < parse_time("2025-03-09T07:00")
        if time % 86400 == (22 if winter else 21) * 3600:
            length = {"2024-11-02": 25, "2025-03-08": 23}.get(iso(time)[:10], 24)
            day = hours.between(place, place + length)
            days.append(Bar(time, day.opens[0], max(day.highs), min(day.lows), day.closes[-1], sum(day.volumes)))
    return days


@pytest.mark.parametrize(
    ("around", "closes"),
    [("2024-11-01", ["21:00", "21:00", "22:00", "22:00"]), ("2025-03-07", ["22:00", "22:00", "21:00", "21:00"])],
)
def test_a_day_of_25_or_23_hours_is_read_when_the_next_one_opens(around: str, closes: list[str]) -> None:
    hours = market("1h", parse_time(around) - 40 * 86400)
    strategy = strategy_of(["roc"], ["1h", "1d"], history=0)
    names, rows = feature_rows(strategy, {"1h": hours, "1d": new_york_days(hours)})
    daily = [row and row[names.index("1d.roc.roc")] for row in rows]
    changed = [hours.times[place] + 3600 for place in range(1, len(rows)) if daily[place] != daily[place - 1]]
    assert [iso(time)[11:16] for time in changed if time >= parse_time(around)][:4] == closes


@pytest.mark.parametrize("end", ["2024-11-03T20:00Z", "2024-11-03T20:59Z", "2024-11-03T21:00Z", "2024-11-03"])
def test_a_range_that_ends_within_the_long_day_reads_it_no_earlier(backend: DirectBackend, end: str) -> None:
    hours = market("1h", parse_time("2024-09-20"))
    for name, bars in (("1h", hours), ("1d", new_york_days(hours))):
        backend.client.post(f"data/EURUSD-SAMPLE/{name}", content=to_csv(bars))
    strategy = strategy_of(["roc"], ["1h", "1d"], history=0)
    whole = rows_from(backend, strategy, None)
    found = rows_from(backend, strategy, "2024-11-01", end)
    assert max(found) >= parse_time("2024-11-03T20:00")
    assert found == {time: row for time, row in whole.items() if min(found) <= time <= max(found)}


def test_the_warm_up_takes_no_bar_of_a_range_that_has_enough_stored_before_it(backend: DirectBackend) -> None:
    backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(market("1h")))
    strategy = strategy_of(["sma"], ["1h"])
    assert None in rows_from(backend, strategy, None).values()
    late = rows_from(backend, strategy, iso(MONDAY + 400 * 3600))
    assert len(late) == COUNT - 400
    assert None not in late.values()


@pytest.mark.parametrize("end", ["9999-12-31", "9999-12-31T23:59:59Z", "2200-01-01"])
def test_an_end_beyond_all_bars_is_as_good_as_none(backend: DirectBackend, end: str) -> None:
    for name in ("1h", "1d"):
        backend.client.post(f"data/EURUSD-SAMPLE/{name}", content=to_csv(market(name)))
    strategy = strategy_of(["roc"], ["1h", "1d"])
    assert rows_from(backend, strategy, None, end) == rows_from(backend, strategy, None)


def test_only_as_many_bars_are_fetched_as_the_indicators_need(backend: DirectBackend) -> None:
    backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(market("1h")))
    request = {"symbol": "EURUSD-SAMPLE", "start_date": iso(MONDAY + 1000 * 3600), "end_date": None}
    for kinds, first in ((["sma"], 22), (["ema"], 187), (["obv"], 1000)):
        bars = fetch(backend, strategy_of(kinds, ["1h"]), ["1h"], request)["1h"]
        assert bars.times.index(MONDAY + 1000 * 3600) == first


@pytest.mark.parametrize("kind", CATALOGUE)
def test_a_trainings_samples_are_those_that_a_backtest_sees(backend: DirectBackend, kind: str) -> None:
    backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(market("1h")))
    strategy, start = strategy_of([kind], ["1h"]), MONDAY + 500 * 3600
    bars = fetch(backend, strategy, ["1h"], {"symbol": "EURUSD-SAMPLE", "start_date": iso(start), "end_date": None})
    data = build(strategy, {"EURUSD-SAMPLE": bars}, since=start)
    whole = rows_from(backend, strategy, None)
    assert len(data.training.rows) <= 0.7 * (COUNT - 500)
    assert data.training.rows[0] == whole[start]


@pytest.mark.parametrize(("start", "first"), [(200, 150), (20, 0), (0, 0), (-5, 0), (COUNT, COUNT - 50)])
def test_earlier_bars_are_counted_back_from_the_start(backend: DirectBackend, start: int, first: int) -> None:
    bars = market("1h")
    backend.client.post("data/EURUSD-SAMPLE/1h", content=to_csv(bars))
    found = backend.bars("EURUSD-SAMPLE", "1h", iso(MONDAY + start * 3600), None, before=50)
    assert to_csv(found) == to_csv(bars.between(first, COUNT))


def test_a_week_is_enough_where_history_is_stored_before_it(client: TestClient, csv: str) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    store_model(client, f"{STRATEGY}_a")
    body = {"worker_id": "b", "worker_type": "backtest", "endpoint_url": "http://b:5003"}
    client.post("workers/register", json=body)
    days = {"start_date": "2023-06-05", "end_date": "2023-06-07"}
    body = {"strategy_name": STRATEGY, "symbol": "EURUSD-SAMPLE", "timeframe": "1h", **days}
    assert client.post("backtests/start", json=body).status_code == 200
    days = {"start_date": "2023-01-01", "end_date": "2023-01-04"}
    refused = client.post("backtests/start", json={**body, **days})
    assert (refused.status_code, refused.json()["error"]["details"]["needed"]) == (400, 110)


def test_a_backtest_says_how_many_bars_the_warm_up_took_and_that_none_was_decided_on() -> None:
    assert warm_up_warnings(0, 100) == []
    assert warm_up_warnings(60, 100)[0].startswith("60 of 100 bars were not decided on")
    assert warm_up_warnings(100, 100)[0].startswith("No bar was decided on, so there are no trades")
