"""Columns of values, one for each bar, and the means and windows that indicators consist of.

A column is as long as its bars; it begins with NaN while not enough bars have passed. It takes 8 bytes a value:
a list of floats takes 32, and the ADX of ten years of minutes has a dozen columns at once.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import Final, TypeAlias

from ktrdr.data.bars import Bars
from ktrdr.stopping import asking

NAN: Final = math.nan
ROUNDING: Final = 1e-12
"""A spread below this share of the price is a rounding error between equal prices."""

Column: TypeAlias = "array[float]"
Columns = dict[str, Column]
Parameters = Mapping[str, float]


def packed(values: Iterable[float]) -> Column:
    """Return values as a column."""
    return array("d", values)


def unknown(count: int) -> Column:
    """Return a column of so many NaNs."""
    return array("d", [NAN]) * count


def sma(values: Sequence[float], period: int) -> Column:
    """Return the mean of the last `period` values; leading NaNs are skipped."""
    return packed(math.fsum(window) / period if window else NAN for window in windows(values, period))


def ema(values: Sequence[float], period: int) -> Column:
    """Return the exponential mean, started from the mean of the first `period` values; leading NaNs are skipped."""
    return _smooth(values, period, 2 / (period + 1))


def wilder(values: Sequence[float], period: int) -> Column:
    """Return Wilder's mean (weight 1 / period), started from the mean of the first `period` values."""
    return _smooth(values, period, 1 / period)


def _smooth(values: Sequence[float], period: int, weight: float) -> Column:
    first = next((place for place, value in enumerate(values) if not math.isnan(value)), len(values))
    known = values[first:] if first else values
    if math.isnan(math.fsum(known)):
        return unknown(first) + _smooth_over_gaps(known, period, weight)
    seed = known[:period]
    if len(seed) < period:
        return unknown(len(values))
    mean = math.fsum(seed) / period
    result = unknown(first + period - 1)
    append = result.append
    append(mean)
    for value in asking(known[period:]):
        mean += weight * (value - mean)
        append(mean)
    return result


def _smooth_over_gaps(values: Sequence[float], period: int, weight: float) -> Column:
    result = packed(())
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
    append = window.append
    for value in asking(values):
        if value == value:  # noqa: PLR0124  NaN alone differs from itself
            append(value)
        yield window if len(window) == period else ()


def highest(values: Sequence[float], period: int) -> Column:
    """Return the highest of the last `period` values, or of all while there are fewer."""
    return packed([values[place] for place in asking(highest_places(values, period))])


def lowest(values: Sequence[float], period: int) -> Column:
    """Return the lowest of the last `period` values, or of all while there are fewer."""
    return packed([-value for value in asking(highest(packed([-value for value in values]), period))])


def highest_places(values: Sequence[float], period: int) -> "array[int]":
    """Return where the highest of the last `period` values stands, the latest of equal ones."""
    result = array("q")
    falling: deque[int] = deque()  # places of values that no later one has reached
    for place, value in enumerate(asking(values)):
        while falling and values[falling[-1]] <= value:
            falling.pop()
        falling.append(place)
        if falling[0] <= place - period:
            falling.popleft()
        result.append(falling[0])
    return result


def blank(column: Column, count: int) -> Column:
    """Return the column with NaN in place of its first `count` values."""
    return unknown(min(count, len(column))) + column[count:]


def typical_prices(bars: Bars) -> Column:
    """Return the mean of each bar's high, low and close."""
    return packed([sum_ / 3 for sum_ in map(add, map(add, bars.highs, bars.lows), bars.closes)])


def true_ranges(bars: Bars) -> Column:
    """Return the true range of every bar but the first, which has no close before it."""
    rows = zip(asking(bars.highs[1:]), bars.lows[1:], bars.closes, strict=False)
    return packed([(max(high, before)) - (min(low, before)) for high, low, before in rows])


def from_the_second(bars: Bars, column: Column) -> Column:
    """Return a column that begins at the second bar at full length."""
    return unknown(1) + column if len(bars) else unknown(0)
