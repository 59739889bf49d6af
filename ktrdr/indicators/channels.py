"""Channels around the price, and means by volume.

- ichimoku: each line is the middle between the highest high and the lowest low of its period. The spans are those that
  a chart draws at the bar, computed `displacement` bars before it. The lagging span is left out: it is a later close.
- keltner: an exponential mean of the closes, and Wilder's average true range on both sides of it (StockCharts'
  ChartSchool, "Keltner Channels").
- donchian: the highest high and the lowest low of the period, this bar's included, as in pandas-ta.
- vwap: the mean of the typical prices weighted by volume, over the last `period` bars. It does not begin anew each day,
  because the bars of a day differ from market to market. Without any volume all bars weigh the same.

`position` is the close's place in the channel: 0 at the lower line, 1 at the upper one, one half in a channel without
width.
"""

import math
from collections.abc import Callable
from operator import add, sub
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.indicators.columns import (
    NAN,
    Column,
    Columns,
    Parameters,
    blank,
    ema,
    from_the_second,
    highest,
    lowest,
    packed,
    true_ranges,
    typical_prices,
    unknown,
    wilder,
    windows,
)
from ktrdr.stopping import asking


def _ichimoku(bars: Bars, parameters: Parameters) -> Columns:
    shift = int(parameters["displacement"])
    tenkan, kijun, span = (
        _middles(bars, int(parameters[name])) for name in ("tenkan_period", "kijun_period", "senkou_b_period")
    )
    leading = packed([(fast + slow) / 2 for fast, slow in zip(tenkan, kijun, strict=True)])
    return {"tenkan": tenkan, "kijun": kijun, "senkou_a": _later(leading, shift), "senkou_b": _later(span, shift)}


def _keltner(bars: Bars, parameters: Parameters) -> Columns:
    middles = ema(bars.closes, int(parameters["period"]))
    ranges = from_the_second(bars, wilder(true_ranges(bars), int(parameters["atr_period"])))
    reaches = packed([parameters["multiplier"] * span for span in ranges])
    upper, lower = packed(map(add, middles, reaches)), packed(map(sub, middles, reaches))
    return {"position": _positions(bars, upper, lower), "upper": upper, "middle": middles, "lower": lower}


def _donchian(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    upper, lower = (blank(column, period - 1) for column in (highest(bars.highs, period), lowest(bars.lows, period)))
    middle = packed([(high + low) / 2 for high, low in zip(upper, lower, strict=True)])
    return {"position": _positions(bars, upper, lower), "upper": upper, "middle": middle, "lower": lower}


def _vwap(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    column = packed(())
    for prices, volumes in zip(windows(typical_prices(bars), period), windows(bars.volumes, period), strict=True):
        volume = math.fsum(volumes)
        if not prices:
            column.append(NAN)
        elif volume:
            column.append(math.fsum(price * share for price, share in zip(prices, volumes, strict=True)) / volume)
        else:
            column.append(math.fsum(prices) / period)
    return {"vwap": column}


def _middles(bars: Bars, period: int) -> Column:
    tops, bottoms = highest(bars.highs, period), lowest(bars.lows, period)
    return blank(packed([(high + low) / 2 for high, low in zip(asking(tops), bottoms, strict=True)]), period - 1)


def _later(column: Column, shift: int) -> Column:
    return (unknown(shift) + column)[: len(column)]


def _positions(bars: Bars, upper: Column, lower: Column) -> Column:
    places = [
        0.5 if high == low else (close - low) / (high - low)
        for close, high, low in zip(asking(bars.closes), upper, lower, strict=True)
    ]
    return packed(places)


FUNCTIONS: Final[dict[str, Callable[[Bars, Parameters], Columns]]] = {
    "ichimoku": _ichimoku,
    "keltner": _keltner,
    "donchian": _donchian,
    "vwap": _vwap,
}
