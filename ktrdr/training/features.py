"""Computes the network's inputs bar by bar, from what was known when the bar closed. Torch-free."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import nan

from ktrdr.data.bars import Bars
from ktrdr.data.resample import closes_at
from ktrdr.data.rows import NEAREST_S
from ktrdr.fuzzy.memberships import degrees
from ktrdr.indicators.compute import compute
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.stopping import BLOCK, asking, may_stop
from ktrdr.strategy.history import inputs_on
from ktrdr.strategy.schema import FuzzySet, Strategy
from ktrdr.training.table import Table

Check = Callable[[], None]


def order(timeframes: Sequence[str]) -> list[str]:
    """Return timeframes from the finest, on which decisions are made, to the coarsest."""
    return sorted(timeframes, key=TIMEFRAME_SECONDS.__getitem__)


def feature_rows(
    strategy: Strategy, bars: Mapping[str, Bars], *, check: Check = lambda: None
) -> tuple[list[str], Table]:
    """Return the features' names and a row for every bar of the finest timeframe.

    A row is not known while an indicator still waits for bars. A coarser timeframe contributes its last bar that had
    closed by the time the fine bar closed. `check` is called often and may raise to stop.
    """
    timeframes = order(list(bars))
    base = timeframes[0]
    names: list[str] = []
    columns: list[array[float]] = []
    with may_stop(check):
        for timeframe in timeframes:
            places = None
            if timeframe != base or timeframe in NEAREST_S:
                places = last_closed(bars[base].times, TIMEFRAME_SECONDS[base], bars[timeframe].times, timeframe)
            for name, column in _columns(strategy, timeframe, bars[timeframe], check):
                check()
                names.append(f"{timeframe}.{name}")
                columns.append(column if places is None else _spread(column, places))
    return names, Table(columns)


def _spread(column: "array[float]", places: Sequence[int]) -> "array[float]":
    """Return for each place its value, NaN before the first."""
    return array("d", [column[place] if place >= 0 else nan for place in asking(places)])


def _columns(strategy: Strategy, timeframe: str, bars: Bars, check: Check) -> "Iterator[tuple[str, array[float]]]":
    inputs = inputs_on(strategy, timeframe)
    wanted = {strategy.source(item) for item in inputs}
    outputs: dict[tuple[str, str], array[float]] = {}
    for item in inputs:
        indicator, output = source = strategy.source(item)
        if source not in outputs:
            check()
            use = strategy.indicators[indicator]
            found = compute(use.type, bars, use.parameters.model_dump())
            outputs |= {(indicator, name): found[name] for name in found if (indicator, name) in wanted}
            del found
        if item.fuzzy_set is None:
            yield f"{indicator}.{output}", outputs[source]
        else:
            yield from _fuzzy(item.fuzzy_set, strategy.fuzzy_sets[item.fuzzy_set], bars, outputs[source], check)


def _fuzzy(
    name: str, fuzzy_set: FuzzySet, bars: Bars, values: "array[float]", check: Check
) -> "Iterator[tuple[str, array[float]]]":
    if fuzzy_set.input_transform == "price_ratio":
        ratios = [close / value - 1 if value else nan for close, value in zip(asking(bars.closes), values, strict=True)]
        values = array("d", ratios)
    for part, membership in fuzzy_set.memberships.items():
        column: array[float] = array("d")
        for start in range(0, len(values), BLOCK):
            check()
            column.fromlist(degrees(membership.type, membership.parameters, values[start : start + BLOCK]))
        yield f"{name}.{part}", column


def last_closed(base_times: Sequence[int], base_s: int, times: Sequence[int], timeframe: str) -> "array[int]":
    """Return for each bar the position of the coarser bar that had closed last by its own close; -1 before the first.

    Times are openings in epoch seconds, `base_s` is the length of the bars at `base_times`.
    """
    places = array("q")
    place = -1
    for time in asking(base_times):
        while place + 1 < len(times) and closes_at(times, place + 1, timeframe) <= time + base_s:
            place += 1
        places.append(place)
    return places
