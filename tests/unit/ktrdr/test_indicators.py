"""Indicators: hand calculations, and laws that hold for any bars."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.data.bars import Bar, Bars
from ktrdr.indicators.catalogue import CATALOGUE, CATEGORIES
from ktrdr.indicators.columns import Columns, ema, sma, wilder
from ktrdr.indicators.compute import compute


def bars_of(*closes: float) -> Bars:
    bars = Bars()
    for hour, close in enumerate(closes):
        bars.append(Bar(3600 * hour, close, close + 1, close - 1, close, 10.0))
    return bars


def same(found: Sequence[float], expected: Sequence[float]) -> bool:
    return len(found) == len(expected) and all(
        math.isclose(a, b) or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, expected, strict=True)
    )


def test_the_moving_averages_agree_with_hand_calculation() -> None:
    values = [1.0, 2.0, 3.0, 5.0]
    assert same(sma(values, 3), [math.nan, math.nan, 2.0, 10 / 3])
    assert same(ema(values, 3), [math.nan, math.nan, 2.0, 3.5])
    assert same(wilder(values, 3), [math.nan, math.nan, 2.0, 3.0])


def test_rsi_is_100_on_rises_0_on_falls_and_50_on_a_flat_line() -> None:
    last = [compute("rsi", bars_of(*closes), {"period": 2})["rsi"][-1] for closes in ((1, 2, 3), (3, 2, 1), (2, 2, 2))]
    assert last == [100.0, 0.0, 50.0]


def test_roc_obv_atr_and_stochastic_agree_with_hand_calculation() -> None:
    bars = bars_of(10, 12, 11)
    assert same(compute("roc", bars, {"period": 2})["roc"], [math.nan, math.nan, 10.0])
    assert list(compute("obv", bars, {})["obv"]) == [0.0, 10.0, 0.0]
    assert same(compute("atr", bars, {"period": 2})["atr"], [math.nan, math.nan, 2.5])
    assert same(compute("stochastic", bars, {"period": 3})["k"], [math.nan, math.nan, 50.0])


def test_the_bands_lie_two_deviations_around_the_mean() -> None:
    columns = compute("bollinger_bands", bars_of(1, 3), {"period": 2})
    assert [columns[name][-1] for name in ("lower", "middle", "upper", "percent_b")] == [0.0, 2.0, 4.0, 0.75]


def test_macd_is_the_difference_of_its_averages(year: Bars) -> None:
    columns = compute("macd", year, {})
    assert math.isclose(columns["line"][-1], ema(year.closes, 12)[-1] - ema(year.closes, 26)[-1])
    assert math.isclose(columns["histogram"][-1], columns["line"][-1] - columns["signal"][-1])


def test_adx_is_strong_in_a_trend() -> None:
    columns = compute("adx", bars_of(*range(10, 60)), {})
    assert (columns["adx"][-1], columns["minus_di"][-1]) == (100.0, 0.0)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_indicator_gives_its_outputs_at_full_length_and_uses_no_later_bar(kind: str, year: Bars) -> None:
    whole, part = compute(kind, year.between(0, 400), {}), compute(kind, year.between(0, 300), {})
    assert tuple(part) == tuple(whole)
    assert set(part) == set(CATALOGUE[kind].outputs)
    assert all(same(part[name], whole[name][:300]) for name in part)
    assert not any(math.isnan(part[name][-1]) for name in part)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_indicator_accepts_no_bars_and_few(kind: str) -> None:
    assert all(len(column) == 0 for column in compute(kind, Bars(), {}).values())
    assert all(len(column) == 2 for column in compute(kind, bars_of(1, 2), {}).values())


def test_every_category_has_an_indicator() -> None:
    assert {indicator.category for indicator in CATALOGUE.values()} == set(CATEGORIES)


def test_a_market_that_stands_still_is_in_the_middle_of_everything() -> None:
    """At prices and periods where the mean of equal numbers is not that number: rounding must not look like a move."""
    for price in (1.1, 0.1, 3.3, 1e-4, 7e8 / 3):
        for period in (2, 3, 10, 49, 93):
            bars = Bars()
            for hour in range(200):
                bars.append(Bar(3600 * hour, price, price, price, price, 0.0))
            last = {kind: compute(kind, bars, {"period": period}) for kind in ("rsi", "adx", "roc", "atr")}
            bands = compute("bollinger_bands", bars, {"period": period})
            assert [column[-1] for columns in last.values() for column in columns.values()] == [50, 0, 0, 0, 0, 0]
            assert (bands["percent_b"][-1], bands["width"][-1]) == (0.5, 0.0)
            assert compute("stochastic", bars, {"period": period})["d"][-1] == 50


PRICES = st.floats(1e-6, 1e6)


@st.composite
def any_bars(draw: Any) -> Bars:
    """Bars that keep the rules of an upload, of any shape: flat, gapping, without volume."""
    bars = Bars()
    rows = st.tuples(PRICES, PRICES, PRICES, PRICES, st.floats(0, 1e9))
    flat = PRICES.map(lambda price: (price, price, price, price, 0.0))
    for hour, (*prices, volume) in enumerate(draw(st.lists(rows | flat, max_size=60))):
        low, open_, close, high = sorted(prices)
        bars.append(Bar(3600 * hour, open_, high, low, close, volume))
    return bars


SHORT = {"period": 5, "smooth_period": 3, "fast_period": 3, "slow_period": 6, "signal_period": 4,
         "tenkan_period": 3, "kijun_period": 5, "senkou_b_period": 8, "displacement": 6, "atr_period": 4}  # fmt: skip
BOUNDED = {"rsi": ("rsi",), "stochastic": ("k", "d"), "adx": ("adx", "plus_di", "minus_di"), "mfi": ("mfi",),
           "aroon": ("up", "down")}  # fmt: skip
WINDOWED = ("sma", "roc", "stochastic", "bollinger_bands", "cci", "mfi", "williams_r", "aroon", "ichimoku", "donchian",
            "vwap")  # fmt: skip
IN_PRICE = {"sma", "ema", "atr", "line", "signal", "histogram", "upper", "middle", "lower",
            "tenkan", "kijun", "senkou_a", "senkou_b", "supertrend", "vwap", "sar"}  # fmt: skip


def short(kind: str, bars: Bars) -> Columns:
    return compute(
        kind,
        bars,
        {name: SHORT[name] for name in (parameter.name for parameter in CATALOGUE[kind].parameters) if name in SHORT},
    )


@given(any_bars())
def test_values_are_numbers_within_their_bounds(bars: Bars) -> None:
    for kind in CATALOGUE:
        for name, column in short(kind, bars).items():
            known = [value for value in column if not math.isnan(value)]
            assert len(column) == len(bars)
            assert all(map(math.isfinite, known))
            assert not any(map(math.isnan, column[len(column) - len(known) :])), "no hole once it has begun"
            if name in BOUNDED.get(kind, ()):
                assert all(0 <= value <= 100 + 1e-9 for value in known)
            if name in ("atr", "width"):
                assert all(value >= 0 for value in known)


@given(any_bars())
def test_averages_and_bands_lie_where_the_prices_lie(bars: Bars) -> None:
    bands = short("bollinger_bands", bars)
    for place in range(4, len(bars)):
        lowest, highest = min(bars.closes[: place + 1]), max(bars.closes[: place + 1])
        for mean in (short("sma", bars)["sma"][place], short("ema", bars)["ema"][place]):
            assert lowest * (1 - 1e-9) <= mean <= highest * (1 + 1e-9)
        assert bands["lower"][place] <= bands["middle"][place] <= bands["upper"][place]


@given(any_bars(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_unit_of_price_scales_prices_and_leaves_shares_alone(bars: Bars, by: float) -> None:
    prices = [[value * by for value in column] for column in (bars.opens, bars.highs, bars.lows, bars.closes)]
    other = Bars(bars.times, prices[0], prices[1], prices[2], prices[3], bars.volumes)
    for kind in CATALOGUE:
        scaled = short(kind, other)
        for name, column in short(kind, bars).items():
            assert same([value * by if name in IN_PRICE else value for value in column], scaled[name])


@given(any_bars(), st.integers(0, 60))
def test_no_later_bar_changes_a_value(bars: Bars, count: int) -> None:
    for kind in CATALOGUE:
        whole, part = short(kind, bars), short(kind, bars.between(0, count))
        assert all(same(column, whole[name][: len(column)]) for name, column in part.items())


@settings(max_examples=50)
@given(any_bars(), st.integers(0, 40))
def test_indicators_of_a_window_forget_what_left_it(bars: Bars, dropped: int) -> None:
    for kind in WINDOWED:
        whole, late = short(kind, bars), short(kind, bars.between(dropped, len(bars)))
        for name, column in late.items():
            warm = [place for place, value in enumerate(column) if not math.isnan(value)]
            assert same([column[place] for place in warm], [whole[name][place + dropped] for place in warm])
