"""Columns of values, one for each bar, and the means and windows that indicators consist of.

A column is as long as its bars; it begins with NaN while not enough bars have passed.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ktrdr.data.bars import Bars

NAN: Final = math.nan
ROUNDING: Final = 1e-12
"""A spread below this share of the price is a rounding error between equal prices."""

Column = list[float]
Columns = dict[str, Column]
Parameters = Mapping[str, float]


def sma(values: Sequence[float], period: int) -> Column:
    """Return the mean of the last `period` values; leading NaNs are skipped."""
    return [math.fsum(window) / period if window else NAN for window in windows(values, period)]


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


def windows(values: Sequence[float], period: int) -> Iterator[Sequence[float]]:
    """Yield the last `period` values at each place (valid until the next one), nothing while there are fewer."""
    window: deque[float] = deque(maxlen=period)
    for value in values:
        if not math.isnan(value):
            window.append(value)
        yield window if len(window) == period else ()


def highest(values: Sequence[float], period: int) -> Column:
    """Return the highest of the last `period` values, or of all while there are fewer."""
    return [values[place] for place in highest_places(values, period)]


def lowest(values: Sequence[float], period: int) -> Column:
    """Return the lowest of the last `period` values, or of all while there are fewer."""
    return [-value for value in highest([-value for value in values], period)]


def highest_places(values: Sequence[float], period: int) -> list[int]:
    """Return where the highest of the last `period` values stands, the latest of equal ones."""
    result: list[int] = []
    falling: deque[int] = deque()  # places of values that no later one has reached
    for place, value in enumerate(values):
        while falling and values[falling[-1]] <= value:
            falling.pop()
        falling.append(place)
        if falling[0] <= place - period:
            falling.popleft()
        result.append(falling[0])
    return result


def blank(column: Column, count: int) -> Column:
    """Return the column with NaN in place of its first `count` values."""
    return [NAN] * min(count, len(column)) + column[count:]


def typical_prices(bars: Bars) -> Column:
    """Return the mean of each bar's high, low and close."""
    return [(high + low + close) / 3 for high, low, close in zip(bars.highs, bars.lows, bars.closes, strict=True)]


def true_ranges(bars: Bars) -> Column:
    """Return the true range of every bar but the first, which has no close before it."""
    rows = zip(bars.highs[1:], bars.lows[1:], bars.closes, strict=False)
    return [max(high, before) - min(low, before) for high, low, before in rows]


def from_the_second(bars: Bars, column: Column) -> Column:
    """Return a column that begins at the second bar at full length."""
    return [NAN, *column] if len(bars) else []
