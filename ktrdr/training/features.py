"""Computes the network's inputs bar by bar, from what was known when the bar closed. Torch-free."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ktrdr.data.bars import Bars
from ktrdr.data.rows import HOUR_S, NEAREST_S
from ktrdr.fuzzy.memberships import membership
from ktrdr.indicators.compute import compute
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.history import inputs_on
from ktrdr.strategy.schema import Strategy

if TYPE_CHECKING:
    from ktrdr.indicators.columns import Columns

Row = list[float]


def order(timeframes: Sequence[str]) -> list[str]:
    """Return timeframes from the finest, on which decisions are made, to the coarsest."""
    return sorted(timeframes, key=TIMEFRAME_SECONDS.__getitem__)


def feature_rows(
    strategy: Strategy, bars: Mapping[str, Bars], *, check: Callable[[], None] = lambda: None
) -> tuple[list[str], list[Row | None]]:
    """Return the features' names and a row for every bar of the finest timeframe.

    A row is None while an indicator still waits for bars. A coarser timeframe contributes its last bar that had
    closed by the time the fine bar closed. `check` is called before each feature and may raise to stop.
    """
    timeframes = order(list(bars))
    base = timeframes[0]
    names: list[str] = []
    columns: list[list[float]] = []
    for timeframe in timeframes:
        places = _last_closed(bars[base].times, TIMEFRAME_SECONDS[base], bars[timeframe].times, timeframe)
        for name, column in _columns(strategy, timeframe, bars[timeframe]):
            check()
            names.append(f"{timeframe}.{name}")
            columns.append([column[place] if place >= 0 else math.nan for place in places])
    rows = [list(row) for row in zip(*columns, strict=True)]
    return names, [None if any(map(math.isnan, row)) else row for row in rows]


def _columns(strategy: Strategy, timeframe: str, bars: Bars) -> Iterator[tuple[str, list[float]]]:
    outputs: dict[str, Columns] = {}
    for item in inputs_on(strategy, timeframe):
        fuzzy_set = strategy.fuzzy_sets[item.fuzzy_set] if item.fuzzy_set else None
        indicator, output = strategy.source(item)
        if indicator not in outputs:
            use = strategy.indicators[indicator]
            outputs[indicator] = compute(use.type, bars, use.parameters.model_dump())
        values = outputs[indicator][output]
        if fuzzy_set is None:
            yield f"{indicator}.{output}", values
            continue
        if fuzzy_set.input_transform == "price_ratio":
            values = [
                close / value - 1 if value else math.nan for close, value in zip(bars.closes, values, strict=True)
            ]
        for name, use_of in fuzzy_set.memberships.items():
            degree = membership(use_of.type, use_of.parameters)
            yield f"{item.fuzzy_set}.{name}", [degree(value) for value in values]


def _last_closed(base_times: Sequence[int], base_s: int, times: Sequence[int], timeframe: str) -> list[int]:
    length = TIMEFRAME_SECONDS[timeframe]
    shift = HOUR_S if timeframe in NEAREST_S else 0
    places = []
    place = -1
    for time in base_times:
        while place + 1 < len(times) and _end(times, place + 1, length, shift) <= time + base_s:
            place += 1
        places.append(place)
    return places


def _end(times: Sequence[int], place: int, length: int, shift: int) -> int:
    """Return when a bar closes: when the next one opens, if a change of clocks (`shift`) explains the difference."""
    nominal = times[place] + length
    following = times[place + 1] if place + 1 < len(times) else nominal
    return following if abs(following - nominal) <= shift else nominal
