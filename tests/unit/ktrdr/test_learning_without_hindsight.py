"""Whatever happens later, nothing that was known earlier changes: features, labels, samples, decisions, fills."""

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bar, Bars
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.signals import Signal
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.schema import Labels, Strategy
from ktrdr.training.dataset import Dataset, Split, build
from ktrdr.training.features import feature_rows
from ktrdr.training.labels import label, turns

SHIPPED: Final = StrategyDirectory(SHIPPED_STRATEGIES)
HOURLY: Final = SHIPPED.load("mlp_fx_hourly")
DAILY: Final = SHIPPED.load("zigzag_multi_timeframe")
COUNT: Final = 420
HOUR: Final = 3600

LABELS = st.builds(
    Labels,
    type=st.sampled_from(["zigzag", "forward_return"]),
    threshold=st.floats(1e-4, 0.02),
    horizon=st.integers(1, 30),
)
FUTURES = st.tuples(st.integers(1, COUNT - 1), st.integers(0, 2**32))
"""Where the future begins, and the dice that make another one."""


def market(seed: int, count: int = COUNT, start: float = 1.1) -> Bars:
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    bars, price = Bars(), start
    for hour in range(count):
        close = price * (1 + dice.gauss(0, 0.003))
        high, low = max(price, close) * (1 + 0.001 * dice.random()), min(price, close) * (1 - 0.001 * dice.random())
        bars.append(Bar(HOUR * hour, price, high, low, close, float(dice.randrange(1000))))
        price = close
    return bars


def with_another_future(bars: Bars, begins: int, seed: int) -> Bars:
    other = bars.between(0, begins)
    later = market(seed, len(bars) - begins, start=bars.closes[begins - 1] * (1 + seed % 7 / 10))
    for place in range(len(later)):
        other.append(
            Bar(bars.times[begins + place], later.opens[place], later.highs[place], later.lows[place],
                later.closes[place], later.volumes[place])
        )  # fmt: skip
    return other


def days_of(bars: Bars) -> Bars:
    """Days that are written as soon as their first hour is: an unfinished day must not be used."""
    days = Bars()
    for start in range(0, len(bars), 24):
        day = bars.between(start, start + 24)
        days.append(
            Bar(day.times[0], day.opens[0], max(day.highs), min(day.lows), day.closes[-1], sum(day.volumes))
        )  # fmt: skip
    return days


def rows_of(strategy: Strategy, hours: Bars) -> list[Any]:
    stored = {"1h": hours, "1d": days_of(hours)}
    return list(feature_rows(strategy, {name: stored[name] for name in strategy.training_data.timeframes})[1])


@settings(max_examples=25, deadline=None)
@given(FUTURES, st.sampled_from([HOURLY, DAILY]))
def test_a_feature_depends_on_no_later_bar(future: tuple[int, int], strategy: Strategy) -> None:
    bars, begins = market(1), future[0]
    rows = rows_of(strategy, bars)[:begins]
    assert rows_of(strategy, with_another_future(bars, *future))[:begins] == rows
    assert rows_of(strategy, bars.between(0, begins)) == rows


@settings(max_examples=100, deadline=None)
@given(FUTURES, LABELS)
def test_a_label_depends_on_its_horizon_and_on_nothing_behind_it(future: tuple[int, int], kind: Labels) -> None:
    bars, begins = market(2), future[0]
    closes, other = bars.closes, with_another_future(bars, *future).closes
    if kind.type == "forward_return":
        settled = max(begins - kind.horizon, 0)
    else:
        settled = max(turns(closes[:begins], kind.threshold), default=0)
    labels = label(closes, kind)[:settled]
    assert None not in labels
    assert label(other, kind)[:settled] == labels
    assert label(closes[:begins], kind) == labels + [None] * (begins - settled)


def dataset(bars: Bars, kind: Labels, split: Split) -> Dataset:
    strategy = HOURLY.model_copy(update={"training": HOURLY.training.model_copy(update={"labels": kind})})
    return build(strategy, {"EURUSD": {"1h": bars}}, split)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10))
def test_with_the_splits_dates_fixed_later_bars_change_no_earlier_sample(seed: int, horizon: int) -> None:
    bars, kind = market(3, 600), Labels(type="forward_return", threshold=0.002, horizon=horizon)
    split = Split(bars.times[300], bars.times[400])
    known = dataset(bars.between(0, 500), kind, split)
    for longer in (bars, with_another_future(bars, 500, seed)):
        later = dataset(longer, kind, split)
        assert (later.scaler, later.training, later.validation) == (known.scaler, known.training, known.validation)
        assert later.test.rows[: len(known.test.rows)] == known.test.rows
        assert later.test.labels[: len(known.test.labels)] == known.test.labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), LABELS)
def test_no_part_knows_a_price_of_the_part_behind_it(seed: int, kind: Labels) -> None:
    bars = market(4, 1200)
    split = Split(bars.times[500], bars.times[800])
    kind = kind.model_copy(update={"threshold": min(kind.threshold, 0.01)})
    known = dataset(bars, kind, split)
    assert dataset(with_another_future(bars, 500, seed), kind, split).training == known.training
    assert dataset(with_another_future(bars, 800, seed), kind, split).validation == known.validation


def test_symbols_are_cut_at_the_same_dates_however_long_each_one_is() -> None:
    long, short = market(5, 2000), market(6, 2000).between(1200, 2000)
    split = Split.of({"A": {"1h": long}, "B": {"1h": short}})
    assert 1400 < split.validation / HOUR < split.test / HOUR < 2000
    data = build(HOURLY, {"A": {"1h": long}, "B": {"1h": short}})
    alone = build(HOURLY, {"B": {"1h": short}}, split)
    assert data.training.labels[-len(alone.training.labels) :] == alone.training.labels


@settings(max_examples=50, deadline=None)
@given(FUTURES, st.integers(0, 5))
def test_a_fill_depends_on_no_later_bar(future: tuple[int, int], shift: int) -> None:
    """Decisions are made from closes only, as an engine makes them; everything filled before the future is the same."""
    bars, begins = market(7), future[0]

    def result(series: Bars) -> dict[str, Any]:
        def decide(place: int) -> Signal:
            return Signal(int(series.closes[place] * 1e6 + shift) % 3)

        return walk(series, decide, Costs(1000.0, 0.0001, 0.0002)).summary()

    whole, part = result(bars), result(bars.between(0, begins))
    other = result(with_another_future(bars, *future))
    assert part["equity_curve"][:-1] == whole["equity_curve"][: begins - 1] == other["equity_curve"][: begins - 1]
    settled = [trade for trade in part["trades"] if trade["exit_time"] < part["equity_curve"][-1]["timestamp"]]
    assert whole["trades"][: len(settled)] == other["trades"][: len(settled)] == settled
