"""Estimates the memory of a training or a backtest from the number of bars, before any bar is read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.history import inputs_on

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

BAR_NUMBERS: Final = 12
"""Numbers per bar in columns: its six, and as many again for labels, decisions and the equity."""

NUMBER_BYTES: Final = 8
"""Bytes of a number in a column."""

FLOAT_BYTES: Final = 32
"""Bytes of a Python float with its pointer."""

FLOATS: Final = 12
"""Python's floats per bar: an indicator while it is computed, or the bars while they are fetched."""

CHOSEN: Final = 1.5
"""A training's samples beside all features: once as they are, and once scaled in half the bytes."""

ACTIVATION_BYTES: Final = 1.2
"""Bytes per sample and neuron of the widest layer: 15 % of the samples pass at once, 4 bytes in and 4 bytes out."""


def feature_count(strategy: "Strategy", timeframes: Sequence[str]) -> int:
    """Return the number of the network's inputs for bars of these timeframes."""
    inputs = [item for timeframe in timeframes for item in inputs_on(strategy, timeframe)]
    return sum(len(strategy.fuzzy_sets[item.fuzzy_set].memberships) if item.fuzzy_set else 1 for item in inputs)


def training_bytes(strategy: "Strategy", bars: Mapping[str, Mapping[str, int]]) -> float:
    """Return the estimated bytes of a training without its libraries; `bars` are counts by symbol and timeframe.

    It holds all bars, the indicators' outputs, and the features of every bar of the finest timeframe.
    """
    timeframes = list(next(iter(bars.values())))
    finest = min(timeframes, key=TIMEFRAME_SECONDS.__getitem__)
    samples = sum(numbers[finest] for numbers in bars.values())
    widest = max(strategy.model.architecture.hidden_layers)
    chosen = CHOSEN * samples * feature_count(strategy, timeframes)
    return _bytes(strategy, bars) + NUMBER_BYTES * chosen + ACTIVATION_BYTES * samples * widest


def _bytes(strategy: "Strategy", bars: Mapping[str, Mapping[str, int]]) -> float:
    """Return the bytes of bars, indicators and features, which trainings and backtests hold."""
    timeframes = sorted(next(iter(bars.values())), key=TIMEFRAME_SECONDS.__getitem__)
    every = sum(sum(numbers.values()) for numbers in bars.values())
    samples = sum(numbers[timeframes[0]] for numbers in bars.values())
    used = {strategy.source(item)[0] for item in strategy.nn_inputs}
    outputs = sum(len(CATALOGUE[strategy.indicators[name].type].outputs) for name in used)
    columns = every * (BAR_NUMBERS + outputs) + samples * feature_count(strategy, timeframes)
    return NUMBER_BYTES * columns + FLOAT_BYTES * FLOATS * every


def backtest_bytes(strategy: "Strategy", bars: Mapping[str, int]) -> float:
    """Return the estimated bytes of a backtest without its libraries; `bars` are counts by timeframe."""
    return _bytes(strategy, {"": bars})
