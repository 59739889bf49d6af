"""Features bar by bar and value by value, as the plain definition has them: what the columns are compared with."""

import math
from collections.abc import Callable, Mapping, Sequence

from ktrdr.data.bars import Bars
from ktrdr.indicators.compute import compute
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.history import inputs_on
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import last_closed, order


def feature_rows(strategy: Strategy, bars: Mapping[str, Bars]) -> list[list[float] | None]:
    """Return a row for every bar of the finest timeframe, None while an indicator still waits for bars."""
    timeframes = order(list(bars))
    base = timeframes[0]
    columns = []
    for timeframe in timeframes:
        places = last_closed(bars[base].times, TIMEFRAME_SECONDS[base], bars[timeframe].times, timeframe)
        found = _columns(strategy, timeframe, bars[timeframe])
        columns += [[column[place] if place >= 0 else math.nan for place in places] for column in found]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [None if any(map(math.isnan, row)) else row for row in rows]


def _columns(strategy: Strategy, timeframe: str, bars: Bars) -> list[list[float]]:
    found = []
    for item in inputs_on(strategy, timeframe):
        name, output = strategy.source(item)
        use = strategy.indicators[name]
        values = list(compute(use.type, bars, use.parameters.model_dump())[output])
        if item.fuzzy_set is None:
            found.append(values)
            continue
        fuzzy_set = strategy.fuzzy_sets[item.fuzzy_set]
        if fuzzy_set.input_transform == "price_ratio":
            values = [
                close / value - 1 if value else math.nan for close, value in zip(bars.closes, values, strict=True)
            ]
        for membership in fuzzy_set.memberships.values():
            degree = degree_of(membership.type, membership.parameters)
            found.append([degree(value) for value in values])
    return found


def degree_of(kind: str, parameters: Sequence[float]) -> Callable[[float], float]:
    """Return the function from a value to its degree. NaN gives NaN."""
    if kind == "gaussian":
        center, sigma = parameters
        return lambda value: _gaussian((value - center) / sigma)
    if kind == "sigmoid":
        center, slope = parameters
        return lambda value: 0.5 * (1 + math.tanh(0.5 * slope * (value - center)))
    corners = parameters if kind == "trapezoidal" else (*parameters[:2], *parameters[1:])
    return lambda value: _trapezoid(value, corners)


def _gaussian(distance: float) -> float:
    return math.exp(-0.5 * distance * distance)


def _trapezoid(value: float, corners: Sequence[float]) -> float:
    left, top_left, top_right, right = corners
    if math.isnan(value):
        return value
    if top_left <= value <= top_right:
        return 1.0
    if value <= left or value >= right:
        return 0.0
    if value < top_left:
        return (value - left) / (top_left - left)
    return (right - value) / (right - top_right)
