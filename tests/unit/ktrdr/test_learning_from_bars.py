"""Labels, features and the split look at nothing they may not know."""

import math
from statistics import correlation, fmean, pstdev

import pytest

from ktrdr.data.bars import Bar, Bars
from ktrdr.data.rows import Rows
from ktrdr.data.sample import generate, to_csv
from ktrdr.errors import BadRequestError
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.signals import Signal
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.schema import Strategy
from ktrdr.training.dataset import Scaler, build
from ktrdr.training.features import feature_rows
from ktrdr.training.labels import forward_return, turns, zigzag
from ktrdr.training.table import Table

STRATEGIES = StrategyDirectory(SHIPPED_STRATEGIES)
HOURLY = STRATEGIES.load("mlp_fx_hourly")
DAILY = STRATEGIES.load("zigzag_multi_timeframe")


def days_of(bars: Bars) -> Bars:
    days = Bars()
    for position, time in enumerate(bars.times):
        if time % 86400 == 0:
            day = bars.between(position, position + 24)
            days.append(Bar(time, day.opens[0], max(day.highs), min(day.lows), day.closes[-1], math.fsum(day.volumes)))
    return days


def test_the_sample_year_is_the_same_for_the_same_seed_and_has_no_weekend() -> None:
    bars = generate()
    assert (bars, bars == generate(seed=8)) == (generate(), False)
    assert 6100 < len(bars) < 6300
    gaps = {later - now for now, later in zip(bars.times, bars.times[1:], strict=False)}
    assert gaps == {3600, 49 * 3600}


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_sample_year_looks_like_a_year_of_eurusd(seed: int) -> None:
    bars = generate(seed=seed)
    moves = [math.log(later / now) for now, later in zip(bars.closes, bars.closes[1:], strict=False)]
    assert 0.06 < pstdev(moves) * math.sqrt(len(moves)) < 0.10, "volatility of a year"
    assert 1.0 < min(bars.lows) < max(bars.highs) < 1.25
    assert abs(correlation(moves[:-1], moves[1:])) < 0.15, "an hour says next to nothing of the next one"
    kurtosis = fmean(move**4 for move in moves) / fmean(move**2 for move in moves) ** 2
    assert kurtosis > 5, "large moves are more frequent than normal ones (3)"
    gaps = [
        abs(bars.opens[place] / bars.closes[place - 1] - 1)
        for place in range(1, len(bars))
        if bars.times[place] - bars.times[place - 1] > 3600
    ]
    assert len(gaps) == 52
    assert 0.0005 < fmean(gaps) < 0.003, "a weekend leaves a gap"


def test_the_sample_year_is_what_an_upload_takes(year: Bars) -> None:
    rows = Rows("1h")
    for line, row in zip(to_csv(year).splitlines()[1:], year.rows(), strict=True):
        bar = rows.read(line)
        assert [bar.open, bar.high, bar.low, bar.close, bar.volume] == row


def test_forward_return_labels_the_move_ahead_and_not_the_end() -> None:
    labels = forward_return([100, 100, 102, 99, 99], 1, 0.01)
    assert labels == [Signal.HOLD, Signal.BUY, Signal.SELL, Signal.HOLD, None]


def test_zigzag_labels_what_is_left_of_the_swing_and_not_the_unfinished_one() -> None:
    closes = [100, 105, 110, 104, 98, 99, 104]
    assert turns(closes, 0.05) == [0, 2, 4]
    assert zigzag(closes, 0.05) == [Signal.BUY, Signal.HOLD, Signal.SELL, Signal.SELL, None, None, None]


@pytest.mark.parametrize("strategy", [HOURLY, DAILY], ids=lambda strategy: strategy.name)
def test_features_of_a_bar_do_not_change_when_later_bars_arrive(year: Bars, strategy: Strategy) -> None:
    def rows(count: int) -> Table:
        hours = year.between(0, count)
        stored = {"1h": hours, "1d": days_of(hours)}
        return feature_rows(strategy, {name: stored[name] for name in strategy.training_data.timeframes})[1]

    assert rows(1200) == rows(1500)[:1200]


def test_a_coarse_bar_counts_only_once_it_has_closed(year: Bars) -> None:
    names, rows = feature_rows(DAILY, {"1h": year, "1d": days_of(year)})
    column = names.index("1d.momentum.low")
    changes = {
        year.times[place] % 86400 // 3600
        for place in range(1, len(rows))
        if (now := rows[place]) and (before := rows[place - 1]) and now[column] != before[column]
    }
    assert changes == {23, 22}, "a day closes with its hour from 23:00, a Friday is known when Sunday opens at 22:00"


def test_the_scaler_knows_the_training_part_only(year: Bars) -> None:
    changed = year.between(0, len(year))
    for position in range(int(len(year) * 0.71), len(year)):
        for column in (changed.opens, changed.highs, changed.lows, changed.closes):
            column[position] *= 3
    assert build(HOURLY, {"EURUSD": {"1h": year}}).scaler == build(HOURLY, {"EURUSD": {"1h": changed}}).scaler


def test_labels_of_the_training_part_do_not_know_the_validation_part(year: Bars) -> None:
    changed = year.between(0, len(year))
    cut = int(len(year) * 0.7)
    changed.closes[cut:] = [close * 2 for close in changed.closes[cut:]]
    original = build(HOURLY, {"EURUSD": {"1h": year}}).training
    assert build(HOURLY, {"EURUSD": {"1h": changed}}).training == original


def test_a_year_of_hours_makes_about_six_thousand_samples(year: Bars) -> None:
    data = build(HOURLY, {"EURUSD": {"1h": year}})
    assert data.total > 6000
    assert {0, 1, 2} == set(data.training.labels)
    assert len(data.names) == len(data.training.rows.columns) == 12


def test_too_few_bars_are_refused_with_the_mend(year: Bars) -> None:
    with pytest.raises(BadRequestError, match="use a longer range"):
        build(HOURLY, {"EURUSD": {"1h": year.between(0, 200)}})


def test_a_feature_that_never_changes_stays_finite() -> None:
    assert Scaler.fit(Table.of([[1.0, 5.0], [3.0, 5.0]], 2)) == Scaler([2.0, 5.0], [1.0, 1.0])
