"""Indicators and memberships."""

import math

import pytest

from ktrdr.data.bars import Bar, Bars
from ktrdr.fuzzy.memberships import membership, problem
from ktrdr.indicators.catalogue import CATALOGUE, CATEGORIES
from ktrdr.indicators.compute import compute, ema, sma, wilder


def bars_of(*closes: float) -> Bars:
    bars = Bars()
    for hour, close in enumerate(closes):
        bars.append(Bar(3600 * hour, close, close + 1, close - 1, close, 10.0))
    return bars


def same(found: list[float], expected: list[float]) -> bool:
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
    assert compute("obv", bars, {})["obv"] == [0.0, 10.0, 0.0]
    assert same(compute("atr", bars, {"period": 2})["atr"], [math.nan, 2.5, 2.25])
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
    assert all(column == [] for column in compute(kind, Bars(), {}).values())
    assert all(len(column) == 2 for column in compute(kind, bars_of(1, 2), {}).values())


def test_every_category_has_an_indicator() -> None:
    assert {indicator.category for indicator in CATALOGUE.values()} == set(CATEGORIES)


@pytest.mark.parametrize(
    ("kind", "parameters", "degrees"),
    [
        ("triangular", (0, 1, 3), {-1: 0, 0: 0, 0.5: 0.5, 1: 1, 2: 0.5, 3: 0}),
        ("trapezoidal", (0, 0, 2, 4), {-1: 0, 0: 1, 2: 1, 3: 0.5, 4: 0}),
        ("gaussian", (5, 2), {5: 1, 7: math.exp(-0.5)}),
        ("sigmoid", (5, 2), {5: 0.5, 1000: 1, -1000: 0}),
    ],
)
def test_memberships_give_the_degree_of_their_shape(
    kind: str, parameters: tuple[float, ...], degrees: dict[float, float]
) -> None:
    function = membership(kind, parameters)
    assert {value: pytest.approx(function(value)) for value in degrees} == degrees


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("triangular", (0, 1)), ("triangular", (3, 1, 2)), ("trapezoidal", (1, 1, 1, 1)), ("gaussian", (0, 0)),
     ("sigmoid", (0, 0)), ("gaussian", (0, math.inf))],
)  # fmt: skip
def test_memberships_refuse_parameters_that_make_no_shape(kind: str, parameters: tuple[float, ...]) -> None:
    assert problem(kind, parameters)
    with pytest.raises(ValueError, match=r"\w"):
        membership(kind, parameters)
