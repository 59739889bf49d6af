"""Oscillators beside those of `compute`: the CCI, the money flow index, Williams %R and Aroon, defined as in TA-Lib."""

import math
from collections.abc import Callable
from itertools import pairwise
from operator import sub
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.indicators.columns import (
    NAN,
    ROUNDING,
    Columns,
    Parameters,
    blank,
    from_the_second,
    highest,
    highest_places,
    lowest,
    packed,
    typical_prices,
    windows,
)

LAMBERT: Final = 0.015
"""The constant by which most values of the CCI lie between -100 and 100."""


def _cci(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    prices = typical_prices(bars)
    column = packed(())
    for price, window in zip(prices, windows(prices, period), strict=True):
        if not window:
            column.append(NAN)
            continue
        mean = math.fsum(window) / period
        deviation = math.fsum(abs(value - mean) for value in window) / period
        column.append((price - mean) / (LAMBERT * deviation) if deviation > ROUNDING * mean else 0.0)
    return {"cci": column}


def _mfi(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    gains, losses = packed(()), packed(())
    for (before, price), volume in zip(pairwise(typical_prices(bars)), bars.volumes[1:], strict=True):
        gains.append(price * volume if price > before else 0.0)
        losses.append(price * volume if price < before else 0.0)
    column = packed(())
    for gained, lost in zip(windows(gains, period), windows(losses, period), strict=True):
        up, down = math.fsum(gained), math.fsum(lost)
        column.append((100 * (up / (up + down)) if up + down else 50.0) if gained else NAN)
    return {"mfi": from_the_second(bars, column)}


def _williams_r(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    column = [
        -100 * ((high - close) / (high - low)) if high > low else -50.0
        for close, high, low in zip(bars.closes, highest(bars.highs, period), lowest(bars.lows, period), strict=True)
    ]
    return {"williams_r": blank(packed(column), period - 1)}


def _aroon(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    tops = highest_places(bars.highs, period + 1)
    bottoms = highest_places(packed([-low for low in bars.lows]), period + 1)
    up, down = (
        blank(packed([100 * ((period - place + found) / period) for place, found in enumerate(places)]), period)
        for places in (tops, bottoms)
    )
    return {"oscillator": packed(map(sub, up, down)), "up": up, "down": down}


FUNCTIONS: Final[dict[str, Callable[[Bars, Parameters], Columns]]] = {
    "cci": _cci,
    "mfi": _mfi,
    "williams_r": _williams_r,
    "aroon": _aroon,
}
