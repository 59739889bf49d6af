"""The indicators' arithmetic, in plain Python.

Why no numeric library: half of the indicators carry a mean from bar to bar, which array operations cannot express, and
the others take under half a second over a year of 5-minute bars (75,000), milliseconds over a year of hours. NumPy
would add some 60 MB to every image that computes, a technical-analysis library its own compiled core on top; torch,
which those images have, would tie the arithmetic to it. The tests compare every output with TA-Lib.

Every function returns columns as long as its bars; NaN where not enough bars have passed. The value at a bar depends
on that bar and earlier ones only. Where TA-Lib differs by convention:

- a market that does not move has an RSI, an MFI, a stochastic and (as a share) a percent_b of one half, and a Williams
  %R of -50; TA-Lib says 0;
- the MACD's line begins with the slow average; TA-Lib leaves it out until there is a signal;
- on-balance volume starts from 0; TA-Lib starts from the first bar's volume.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from operator import add, sub
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.indicators import channels, oscillators, trailing
from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.columns import (
    NAN,
    ROUNDING,
    Column,
    Columns,
    Parameters,
    blank,
    ema,
    from_the_second,
    highest,
    lowest,
    packed,
    sma,
    true_ranges,
    unknown,
    wilder,
    windows,
)
from ktrdr.stopping import asking


def compute(kind: str, bars: Bars, parameters: Parameters) -> Columns:
    """Return every output of an indicator over `bars`; KeyError for a kind that is not in the catalogue."""
    defaults = {parameter.name: parameter.default for parameter in CATALOGUE[kind].parameters}
    return _FUNCTIONS[kind](bars, {**defaults, **parameters})


def _directional(values: Column, period: int) -> Column:
    """Return Wilder's mean as TA-Lib has it for the ADX: a sum of `period` - 1 values starts it, the next one shows."""
    return blank(wilder(packed([0.0]) + values, period)[1:], period - 1)


def _rsi(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    changes = packed([now - before for before, now in pairwise(asking(bars.closes))])
    gains = wilder(packed([change if change > 0 else 0.0 for change in asking(changes)]), period)
    losses = wilder(packed([-change if change < 0 else 0.0 for change in asking(changes)]), period)
    shares = [
        100 * (gain / (gain + loss)) if gain + loss else 50.0 for gain, loss in zip(asking(gains), losses, strict=True)
    ]
    return {"rsi": from_the_second(bars, packed(shares))}


def _roc(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    closes = bars.closes
    changes = [100 * (now / before - 1) for before, now in zip(asking(closes), closes[period:], strict=False)]
    return {"roc": (unknown(period) + packed(changes))[: len(closes)]}


def _stochastic(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    tops = highest(bars.highs, period)
    bottoms = lowest(bars.lows, period)
    places = [
        100 * ((close - low) / (high - low)) if high > low else 50.0
        for close, high, low in zip(asking(bars.closes), tops, bottoms, strict=True)
    ]
    known = blank(packed(places), period - 1)
    return {"k": known, "d": sma(known, int(parameters["smooth_period"]))}


def _sma(bars: Bars, parameters: Parameters) -> Columns:
    return {"sma": sma(bars.closes, int(parameters["period"]))}


def _ema(bars: Bars, parameters: Parameters) -> Columns:
    return {"ema": ema(bars.closes, int(parameters["period"]))}


def _macd(bars: Bars, parameters: Parameters) -> Columns:
    period, slow_period = int(parameters["fast_period"]), int(parameters["slow_period"])
    skipped = slow_period - period  # both averages give their first value at the same bar, as TA-Lib's do
    fast = unknown(min(skipped, len(bars))) + ema(bars.closes[skipped:], period)
    line = _minus(fast, ema(bars.closes, slow_period))
    signal = ema(line, int(parameters["signal_period"]))
    return {"line": line, "signal": signal, "histogram": _minus(line, signal)}


def _adx(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    rises, falls = packed(()), packed(())
    for (high_before, high), (low_before, low) in zip(pairwise(asking(bars.highs)), pairwise(bars.lows), strict=True):
        up, down = high - high_before, low_before - low
        rises.append(up if up > down and up > 0 else 0.0)
        falls.append(down if down > up and down > 0 else 0.0)
    up_means, down_means, ranges = (_directional(column, period) for column in (rises, falls, true_ranges(bars)))
    plus, minus = _percents(up_means, ranges), _percents(down_means, ranges)
    spreads = [
        100 * (abs(up - down) / (up + down)) if up + down else 0.0 for up, down in zip(asking(plus), minus, strict=True)
    ]
    columns = {"adx": wilder(packed(spreads), period), "plus_di": plus, "minus_di": minus}
    return {name: from_the_second(bars, column) for name, column in columns.items()}


def _bollinger_bands(bars: Bars, parameters: Parameters) -> Columns:
    period, root, multiplier = int(parameters["period"]), math.sqrt(parameters["period"]), parameters["multiplier"]
    middles, reaches = packed(()), packed(())
    for window in windows(bars.closes, period):
        middle = math.fsum(window) / period if window else NAN
        deviation = math.dist(window, [middle] * period) / root if window else NAN
        middles.append(middle)
        reaches.append(multiplier * (0.0 if deviation < ROUNDING * middle else deviation))
    rows = zip(asking(bars.closes), middles, reaches, strict=True)
    return {
        "upper": packed(map(add, middles, reaches)),
        "middle": middles,
        "lower": _minus(middles, reaches),
        "width": packed([2 * reach / middle for middle, reach in zip(asking(middles), reaches, strict=True)]),
        "percent_b": packed(
            [(close - middle + reach) / (2 * reach) if reach else 0.5 for close, middle, reach in rows]
        ),
    }


def _atr(bars: Bars, parameters: Parameters) -> Columns:
    return {"atr": from_the_second(bars, wilder(true_ranges(bars), int(parameters["period"])))}


def _obv(bars: Bars, _parameters: Parameters) -> Columns:
    total = 0.0
    column = packed([total] if len(bars) else [])
    for (before, now), volume in zip(pairwise(asking(bars.closes)), bars.volumes[1:], strict=True):
        total += volume * ((now > before) - (now < before))
        column.append(total)
    return {"obv": column}


def _minus(left: Column, right: Column) -> Column:
    return packed(map(sub, left, right))


def _percents(parts: Column, wholes: Column) -> Column:
    return packed([100 * (part / whole) if whole else 0.0 for part, whole in zip(asking(parts), wholes, strict=True)])


_FUNCTIONS: Final[dict[str, Callable[[Bars, Parameters], Columns]]] = {
    "rsi": _rsi,
    "roc": _roc,
    "stochastic": _stochastic,
    "sma": _sma,
    "ema": _ema,
    "macd": _macd,
    "adx": _adx,
    "bollinger_bands": _bollinger_bands,
    "atr": _atr,
    "obv": _obv,
    **oscillators.FUNCTIONS,
    **channels.FUNCTIONS,
    **trailing.FUNCTIONS,
}
