"""Further indicators agree with TA-Lib, or with pandas-ta where TA-Lib has none, and follow their definitions."""

import importlib
import random
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pandas as pd
import pandas_ta_classic as pandas_ta
import pytest
import talib

from ktrdr.data.bars import Bar, Bars
from ktrdr.indicators.catalogue import CATALOGUE, IN_PRICE
from ktrdr.indicators.compute import compute
from tests.support.markets import COUNT, MARKETS
from tests.unit.ktrdr.test_indicators_against_talib import KINDS

Frame = Any
PERIODS: Final = (2, 5, 14, 50)


def frame_of(bars: Bars) -> Frame:
    names = ("opens", "highs", "lows", "closes", "volumes")
    times = pd.to_datetime(pd.Series(bars.times), unit="s")
    return pd.DataFrame({name: np.array(getattr(bars, name)) for name in names}).set_index(pd.DatetimeIndex(times))


def place_between(close: Any, upper: Any, lower: Any) -> Any:
    return (close - lower) / np.where(upper > lower, upper - lower, np.nan)


def cci(bars: Frame, period: int) -> dict[str, Any]:
    """From NumPy: TA-Lib does not see that a market stands still where its mean is rounded."""
    price = np.array(bars.highs + bars.lows + bars.closes) / 3
    windows = np.lib.stride_tricks.sliding_window_view(price, period)
    mean = windows.mean(axis=1)
    deviation = np.abs(windows - mean[:, None]).mean(axis=1)
    moved = deviation > 1e-12 * mean
    column = np.full(len(price), np.nan)
    column[period - 1 :] = np.where(moved, (price[period - 1 :] - mean) / np.where(moved, 0.015 * deviation, 1.0), 0.0)
    return {"cci": column}


def mfi(bars: Frame, period: int) -> dict[str, Any]:
    """From pandas' sums over windows: TA-Lib says 0 where less than one unit of money has moved."""
    price = (bars.highs + bars.lows + bars.closes) / 3
    flow, change = price * bars.volumes, price.diff()
    up, down = (flow.where(moved, 0.0).iloc[1:] for moved in (change > 0, change < 0))
    sums = [[float(np.sum(part)) for part in np.lib.stride_tricks.sliding_window_view(side, period)]
            for side in (up, down)]  # fmt: skip
    gained, lost = np.array(sums)
    share = np.where(gained + lost > 0, 100 * gained / np.where(gained + lost > 0, gained + lost, 1.0), 50.0)
    return {"mfi": np.concatenate([np.full(period, np.nan), share])}


def aroon(bars: Frame, period: int) -> dict[str, Any]:
    down, up = talib.AROON(bars.highs, bars.lows, period)
    return {"up": up, "down": down, "oscillator": talib.AROONOSC(bars.highs, bars.lows, period)}


def ichimoku(bars: Frame, period: int) -> dict[str, Any]:
    lines, _ = pandas_ta.ichimoku(bars.highs, bars.lows, bars.closes, period, 2 * period, 3 * period,
                                  include_chikou=False, as_dataframe=False)  # fmt: skip
    names = {"ITS": "tenkan", "IKS": "kijun", "ISA": "senkou_a", "ISB": "senkou_b"}
    return {names[column.split("_")[0]]: lines[column] for column in lines}


def keltner(bars: Frame, period: int) -> dict[str, Any]:
    middle = talib.EMA(bars.closes, period)
    reach = 2 * talib.ATR(bars.highs, bars.lows, bars.closes, period + 1)
    upper, lower = middle + reach, middle - reach
    return {"upper": upper, "middle": middle, "lower": lower, "position": place_between(bars.closes, upper, lower)}


def donchian(bars: Frame, period: int) -> dict[str, Any]:
    found = pandas_ta.donchian(bars.highs, bars.lows, period, period)
    lower, middle, upper = (found[f"{name}_{period}_{period}"] for name in ("DCL", "DCM", "DCU"))
    return {"upper": upper, "middle": middle, "lower": lower, "position": place_between(bars.closes, upper, lower)}


def supertrend(bars: Frame, period: int) -> dict[str, Any]:
    """Pandas-ta's, over TA-Lib's average true range: its own has another start, and a side is never forgotten."""
    ranges = pd.Series(talib.ATR(bars.highs, bars.lows, bars.closes, period), index=bars.index)
    with patch.object(importlib.import_module("pandas_ta_classic.volatility.atr"), "atr", return_value=ranges):
        found = pandas_ta.supertrend(bars.highs, bars.lows, bars.closes, period, 1.5)
    known = ranges.notna()
    return {"supertrend": found[f"SUPERT_{period}_1.5"].where(known),
            "direction": found[f"SUPERTd_{period}_1.5"].where(known)}  # fmt: skip


def vwap(bars: Frame, period: int) -> dict[str, Any]:
    price = (bars.highs + bars.lows + bars.closes) / 3
    return {"vwap": pandas_ta.vwma(price, bars.volumes, period, talib=False)}


def parabolic_sar(bars: Frame, period: int) -> dict[str, Any]:
    step, most = 0.01 * period, 0.1 + 0.01 * period
    signed = talib.SAREXT(bars.highs, bars.lows, 0, 0, step, step, most, step, step, most)
    plain = talib.SAR(bars.highs, bars.lows, step, most)
    return {"sar": plain, "direction": np.sign(signed)}


EXPECTED: Final[dict[str, Callable[[Frame, int], dict[str, Any]]]] = {
    "cci": cci,
    "mfi": mfi,
    "williams_r": lambda bars, period: {"williams_r": talib.WILLR(bars.highs, bars.lows, bars.closes, period)},
    "aroon": aroon,
    "ichimoku": ichimoku,
    "keltner": keltner,
    "donchian": donchian,
    "supertrend": supertrend,
    "vwap": vwap,
    "parabolic_sar": parabolic_sar,
}


def parameters_of(kind: str, period: int) -> dict[str, float]:
    more: dict[str, dict[str, float]] = {
        "ichimoku": {"tenkan_period": period, "kijun_period": 2 * period, "senkou_b_period": 3 * period,
                     "displacement": 2 * period},
        "keltner": {"period": period, "atr_period": period + 1},
        "supertrend": {"period": period, "multiplier": 1.5},
        "parabolic_sar": {"acceleration": 0.01 * period, "maximum": 0.1 + 0.01 * period},
    }  # fmt: skip
    return more.get(kind, {"period": period})


def test_every_indicator_is_compared_with_one_of_another_library() -> None:
    assert sorted(CATALOGUE) == sorted([*KINDS, *EXPECTED])


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("kind", EXPECTED)
def test_an_indicator_agrees_with_another_library_s(kind: str, market: str, period: int) -> None:
    bars = MARKETS[market](random.Random(f"{market} {period}"))  # noqa: S311  repeatable on purpose
    found = compute(kind, bars, parameters_of(kind, period))
    expected = EXPECTED[kind](frame_of(bars), period)
    assert set(found) == set(expected) == set(CATALOGUE[kind].outputs)
    price = max(bars.closes)
    for name, column in found.items():
        mine, theirs = np.array(column), np.asarray(expected[name], dtype=float)
        both = ~np.isnan(theirs)
        if kind == "vwap" and market == "no volume":
            assert not both.any()
            continue
        if kind == "williams_r":  # no bars without a range: there TA-Lib says 0
            both &= np.array(bars.highs) > np.array(bars.lows)
        assert both.sum() > COUNT // 4
        scale = price if name in IN_PRICE.get(kind, ()) else 1.0
        np.testing.assert_allclose(mine[both], theirs[both], rtol=1e-9, atol=1e-10 * scale, err_msg=name)
        if not (name == "position" or kind == "vwap"):
            assert np.argmin(np.isnan(mine)) == np.argmin(np.isnan(theirs)), "it starts where theirs starts"


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(("kind", "theirs"), [("cci", "CCI"), ("mfi", "MFI")])
def test_cci_and_mfi_agree_with_talib_where_prices_and_volumes_move(kind: str, theirs: str, period: int) -> None:
    for market in ("random", "gaps", "trend", "huge prices"):  # TA-Lib's running sums lose the digits of "wild"
        bars = MARKETS[market](random.Random(f"{market} {period}"))  # noqa: S311  repeatable on purpose
        frame = frame_of(bars)
        columns = [frame.highs, frame.lows, frame.closes, *([frame.volumes] if kind == "mfi" else [])]
        expected = np.asarray(getattr(talib, theirs)(*columns, period))
        known = ~np.isnan(expected)
        if kind == "mfi":  # TA-Lib says 0 for flows below one unit of money
            known &= expected != 0
        assert known.sum() > COUNT // 2
        np.testing.assert_allclose(np.array(compute(kind, bars, {"period": period})[kind])[known], expected[known],
                                   rtol=1e-9, atol=1e-9)  # fmt: skip


def test_vwap_over_a_day_is_pandas_ta_s_daily_one_at_the_day_s_end() -> None:
    bars = MARKETS["random"](random.Random(5)).between(0, 48 * 24)  # noqa: S311  repeatable on purpose
    frame = frame_of(bars)
    expected = pandas_ta.vwap(frame.highs, frame.lows, frame.closes, frame.volumes, anchor="D")
    found = compute("vwap", bars, {"period": 24})["vwap"]
    np.testing.assert_allclose(found[23::24], expected.iloc[23::24], rtol=1e-9)


def test_without_volume_the_vwap_is_the_mean_of_the_typical_prices() -> None:
    bars = Bars()
    for hour, close in enumerate((3.0, 5.0, 10.0)):
        bars.append(Bar(3600 * hour, close, close + 1, close - 1, close, 0.0))
    assert list(compute("vwap", bars, {"period": 2})["vwap"][1:]) == [4.0, 7.5]


def test_a_market_that_stands_still_is_in_the_middle_of_the_further_ones_too() -> None:
    for price in (1.1, 0.1, 3.3, 1e-4, 7e8 / 3):
        for period in (2, 3, 10, 49):
            bars = Bars()
            for hour in range(80):
                bars.append(Bar(3600 * hour, price, price, price, price, 0.0))
            outputs = ("cci.cci", "mfi.mfi", "williams_r.williams_r", "donchian.position")
            last = [compute(kind, bars, {"period": period})[name][-1]
                    for kind, name in (output.split(".") for output in outputs)]  # fmt: skip
            assert last == [0.0, 50.0, -50.0, 0.5]


def test_a_step_above_the_maximum_of_the_parabolic_sar_is_the_maximum() -> None:
    bars = MARKETS["random"](random.Random(5))  # noqa: S311  repeatable on purpose
    found = compute("parabolic_sar", bars, {"acceleration": 0.5, "maximum": 0.1})["sar"]
    expected = talib.SAR(np.array(bars.highs), np.array(bars.lows), 0.5, 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
