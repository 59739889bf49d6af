"""Every output of these indicators agrees with TA-Lib over thousands of bars, ordinary and adversarial."""

import random
from typing import Any, Final

import numpy as np
import pytest
import talib
from talib._ta_lib import MA_Type

from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.compute import compute
from tests.support.markets import COUNT, MARKETS

KINDS: Final = ("rsi", "roc", "stochastic", "sma", "ema", "macd", "adx", "bollinger_bands", "atr", "obv")
Arrays = dict[str, Any]


def bands(close: Any, period: int) -> dict[str, Any]:
    """The bands from NumPy: TA-Lib's running sums of squares lose the digits of calm and of collapsing markets."""
    middle, reach = np.full_like(close, np.nan), np.full_like(close, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(close, period)
    middle[period - 1 :], reach[period - 1 :] = windows.mean(axis=1), 2 * windows.std(axis=1)
    place = (close - middle + reach) / np.where(reach > 0, 2 * reach, np.nan)
    return {
        "upper": middle + reach,
        "middle": middle,
        "lower": middle - reach,
        "width": 2 * reach / middle,
        "percent_b": place,
    }


def expected_of(kind: str, bars: Arrays, period: int) -> dict[str, Any]:
    high, low, close = bars["highs"], bars["lows"], bars["closes"]
    if kind == "stochastic":
        k, d = talib.STOCHF(high, low, close, period, 3, MA_Type.SMA)
        return {"k": k, "d": d}
    if kind == "macd":
        line, signal, histogram = talib.MACD(close, period, 2 * period, 9)
        return {"line": line, "signal": signal, "histogram": histogram}
    if kind == "adx":
        sides = {
            "plus_di": talib.PLUS_DI(high, low, close, period),
            "minus_di": talib.MINUS_DI(high, low, close, period),
        }
        return {"adx": talib.ADX(high, low, close, period), **sides}
    if kind == "bollinger_bands":
        return bands(close, period)
    if kind == "atr":
        return {"atr": talib.ATR(high, low, close, period)}
    if kind == "obv":
        return {"obv": talib.OBV(close, bars["volumes"]) - bars["volumes"][0]}
    return {kind: getattr(talib, kind.upper())(close, period)}


def parameters_of(kind: str, period: int) -> dict[str, float]:
    if kind == "macd":
        return {"fast_period": period, "slow_period": 2 * period, "signal_period": 9}
    if kind == "stochastic":
        return {"period": period, "smooth_period": 3}
    return {} if kind == "obv" else {"period": period}


def is_comparable(kind: str, bars: Arrays, period: int) -> Any:
    """Where both sides are defined and started alike: from the module docstring of `compute`."""
    places = np.arange(len(bars["closes"]))
    close = bars["closes"]
    moved = np.abs(np.diff(close, prepend=np.nan)) > 1e-9 * close
    if kind == "rsi":
        return np.maximum.accumulate(moved)
    if kind == "bollinger_bands":
        return np.array([moved[max(place - period + 2, 0) : place + 1].any() for place in places])
    return places >= 0


@pytest.mark.parametrize("period", [2, 5, 14, 50])
@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_indicator_agrees_with_talib(kind: str, market: str, period: int) -> None:
    bars = MARKETS[market](random.Random(f"{market} {period}"))  # noqa: S311  repeatable on purpose
    arrays = {name: np.array(getattr(bars, name)) for name in ("opens", "highs", "lows", "closes", "volumes")}
    found = compute(kind, bars, parameters_of(kind, period))
    expected = expected_of(kind, arrays, period)
    assert set(found) == set(expected) == set(CATALOGUE[kind].outputs)
    where = is_comparable(kind, arrays, period)
    price = float(np.max(arrays["closes"]))
    for name, column in found.items():
        mine, theirs = np.array(column), expected[name]
        both = where & ~np.isnan(theirs)
        assert both.sum() > COUNT // 4
        assert not np.isnan(mine[both]).any(), name
        scale = price if name in ("upper", "middle", "lower", "line", "signal", "histogram") else 1.0
        close = 1e-9 if kind in ("adx", "macd") else 1e-6
        np.testing.assert_allclose(mine[both], theirs[both], rtol=close, atol=close * scale / 10, err_msg=name)
        if kind == "adx":
            assert np.argmin(np.isnan(mine)) == np.argmin(np.isnan(theirs)), "it starts where TA-Lib's starts"


def test_the_bands_agree_with_talib_where_its_sums_keep_their_digits() -> None:
    bars = MARKETS["random"](random.Random(3))  # noqa: S311  repeatable on purpose
    columns = compute("bollinger_bands", bars, {"period": 20, "multiplier": 2.5})
    expected = talib.BBANDS(np.array(bars.closes), 20, 2.5, 2.5, MA_Type.SMA)
    for name, column in zip(("upper", "middle", "lower"), expected, strict=True):
        np.testing.assert_allclose(columns[name], column, rtol=1e-9)


@pytest.mark.parametrize("market", MARKETS)
def test_the_first_values_of_macd_and_adx_are_talibs(market: str) -> None:
    bars = MARKETS[market](random.Random(7)).between(0, 40)  # noqa: S311  repeatable on purpose
    high, low, close = (np.array(column) for column in (bars.highs, bars.lows, bars.closes))
    macd, adx = compute("macd", bars, {}), compute("adx", bars, {})
    lines = dict(zip(("line", "signal", "histogram"), talib.MACD(close, 12, 26, 9), strict=True))
    sides = {"plus_di": talib.PLUS_DI(high, low, close, 14), "minus_di": talib.MINUS_DI(high, low, close, 14)}
    for found, expected, first in (
        *((macd[name], column, 33) for name, column in lines.items()),
        *((adx[name], column, 14) for name, column in sides.items()),
        (adx["adx"], talib.ADX(high, low, close, 14), 27),
    ):
        assert np.argmin(np.isnan(expected)) == first
        np.testing.assert_allclose(found[first:], expected[first:], rtol=1e-9, atol=1e-12 * max(bars.closes))
