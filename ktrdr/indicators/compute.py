"""The indicators' arithmetic, in plain Python: a year of hourly bars takes milliseconds.

Every function returns columns as long as its bars; NaN where not enough bars have passed. The value at a bar
depends on that bar and earlier ones only.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.indicators.catalogue import CATALOGUE

NAN: Final = math.nan
Column = list[float]
Columns = dict[str, Column]
Parameters = Mapping[str, float]


def compute(kind: str, bars: Bars, parameters: Parameters) -> Columns:
    """Return every output of an indicator over `bars`; KeyError for a kind that is not in the catalogue."""
    defaults = {parameter.name: parameter.default for parameter in CATALOGUE[kind].parameters}
    return _FUNCTIONS[kind](bars, {**defaults, **parameters})


def sma(values: Sequence[float], period: int) -> Column:
    """Return the mean of the last `period` values."""
    return [math.fsum(window) / period if window else NAN for window in _windows(values, period)]


def ema(values: Sequence[float], period: int) -> Column:
    """Return the exponential mean, started from the mean of the first `period` values; leading NaNs are skipped."""
    return _smooth(values, period, 2 / (period + 1))


def wilder(values: Sequence[float], period: int) -> Column:
    """Return Wilder's mean (weight 1 / period), started from the mean of the first `period` values."""
    return _smooth(values, period, 1 / period)


def _smooth(values: Sequence[float], period: int, weight: float) -> Column:
    result: Column = []
    seed: list[float] = []
    mean = NAN
    for value in values:
        if math.isnan(value):
            result.append(NAN)
            continue
        if len(seed) < period:
            seed.append(value)
            mean = math.fsum(seed) / period if len(seed) == period else NAN
        else:
            mean += weight * (value - mean)
        result.append(mean)
    return result


def _windows(values: Sequence[float], period: int) -> list[tuple[float, ...]]:
    window: deque[float] = deque(maxlen=period)
    result: list[tuple[float, ...]] = []
    for value in values:
        if not math.isnan(value):
            window.append(value)
        result.append(tuple(window) if len(window) == period else ())
    return result


def _rsi(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    changes = [NAN, *(now - before for before, now in _pairs(bars.closes))][: len(bars)]
    gains = wilder([max(change, 0.0) if change == change else NAN for change in changes], period)  # noqa: PLR0124
    losses = wilder([max(-change, 0.0) if change == change else NAN for change in changes], period)  # noqa: PLR0124
    return {"rsi": [_share(gain, loss) for gain, loss in zip(gains, losses, strict=True)]}


def _roc(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    closes = bars.closes
    changes = [100 * (now / before - 1) for before, now in zip(closes, closes[period:], strict=False)]
    return {"roc": ([NAN] * period + changes)[: len(closes)]}


def _stochastic(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    places = []
    for close, highs, lows in zip(bars.closes, _windows(bars.highs, period), _windows(bars.lows, period), strict=True):
        if not highs:
            places.append(NAN)
            continue
        low, high = min(lows), max(highs)
        places.append(100 * (close - low) / (high - low) if high > low else 50.0)
    return {"k": places, "d": sma(places, int(parameters["smooth_period"]))}


def _sma(bars: Bars, parameters: Parameters) -> Columns:
    return {"sma": sma(bars.closes, int(parameters["period"]))}


def _ema(bars: Bars, parameters: Parameters) -> Columns:
    return {"ema": ema(bars.closes, int(parameters["period"]))}


def _macd(bars: Bars, parameters: Parameters) -> Columns:
    fast = ema(bars.closes, int(parameters["fast_period"]))
    slow = ema(bars.closes, int(parameters["slow_period"]))
    line = _minus(fast, slow)
    signal = ema(line, int(parameters["signal_period"]))
    return {"line": line, "signal": signal, "histogram": _minus(line, signal)}


def _adx(bars: Bars, parameters: Parameters) -> Columns:
    period = int(parameters["period"])
    rises, falls = ([NAN], [NAN]) if len(bars) else ([], [])
    for (high_before, high), (low_before, low) in zip(_pairs(bars.highs), _pairs(bars.lows), strict=True):
        up, down = high - high_before, low_before - low
        rises.append(up if up > down and up > 0 else 0.0)
        falls.append(down if down > up and down > 0 else 0.0)
    ranges = wilder([NAN, *_true_ranges(bars)[1:]][: len(bars)], period)
    plus = [_percent(up, span) for up, span in zip(wilder(rises, period), ranges, strict=True)]
    minus = [_percent(down, span) for down, span in zip(wilder(falls, period), ranges, strict=True)]
    spread = [_percent(abs(up - down), up + down) for up, down in zip(plus, minus, strict=True)]
    return {"adx": wilder(spread, period), "plus_di": plus, "minus_di": minus}


def _bollinger_bands(bars: Bars, parameters: Parameters) -> Columns:
    columns: Columns = {name: [] for name in CATALOGUE["bollinger_bands"].outputs}
    for close, window in zip(bars.closes, _windows(bars.closes, int(parameters["period"])), strict=True):
        middle = math.fsum(window) / len(window) if window else NAN
        deviation = math.sqrt(math.fsum((value - middle) ** 2 for value in window) / max(len(window), 1))
        reach = parameters["multiplier"] * (deviation if window else NAN)
        columns["middle"].append(middle)
        columns["upper"].append(middle + reach)
        columns["lower"].append(middle - reach)
        columns["width"].append(2 * reach / middle)
        columns["percent_b"].append((close - middle + reach) / (2 * reach) if reach else 0.5)
    return columns


def _atr(bars: Bars, parameters: Parameters) -> Columns:
    return {"atr": wilder(_true_ranges(bars), int(parameters["period"]))}


def _obv(bars: Bars, _parameters: Parameters) -> Columns:
    total = 0.0
    column = [total] if len(bars) else []
    for (before, now), volume in zip(_pairs(bars.closes), bars.volumes[1:], strict=True):
        total += volume * ((now > before) - (now < before))
        column.append(total)
    return {"obv": column}


def _true_ranges(bars: Bars) -> Column:
    ranges = [bars.highs[0] - bars.lows[0]] if len(bars) else []
    for high, low, before in zip(bars.highs[1:], bars.lows[1:], bars.closes, strict=False):
        ranges.append(max(high, before) - min(low, before))
    return ranges


def _pairs(values: Sequence[float]) -> list[tuple[float, float]]:
    return list(pairwise(values))


def _minus(left: Column, right: Column) -> Column:
    return [a - b for a, b in zip(left, right, strict=True)]


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def _share(gain: float, loss: float) -> float:
    return 100 * gain / (gain + loss) if gain + loss else 50.0


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
}
