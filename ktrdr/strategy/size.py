"""How much memory a training of a strategy takes, told from how many bars there are, before any is read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.names import TIMEFRAME_SECONDS

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

BAR_NUMBERS: Final = 12
"""Of a bar itself: its six columns, and as much again for the lists that its features, label and fingerprint are in."""

NUMBER_BYTES: Final = 64
"""Of a Python float with what points to it (32), which is there about twice: before and after scaling."""

ACTIVATION_BYTES: Final = 1.2
"""For each neuron of the widest layer, a sample: 15 % of them pass at once, 4 bytes into it and 4 bytes out of it."""


def feature_count(strategy: "Strategy", timeframes: Sequence[str]) -> int:
    """Return how many inputs the network has that learns from bars of these timeframes."""
    return sum(
        len(strategy.fuzzy_sets[item.fuzzy_set].memberships) if item.fuzzy_set else 1
        for item in strategy.nn_inputs
        for timeframe in timeframes
        if not item.timeframes or timeframe in item.timeframes
    )


def training_bytes(strategy: "Strategy", bars: Mapping[str, Mapping[str, int]]) -> float:
    """Return about how many bytes a training takes beside its libraries; `bars` are numbers by symbol and timeframe.

    It keeps all bars, what the indicators put out, and the features of every bar of the finest timeframe.
    """
    timeframes = sorted(next(iter(bars.values())), key=TIMEFRAME_SECONDS.__getitem__)
    every = sum(sum(numbers.values()) for numbers in bars.values())
    samples = sum(numbers[timeframes[0]] for numbers in bars.values())
    used = {strategy.source(item)[0] for item in strategy.nn_inputs}
    outputs = sum(len(CATALOGUE[strategy.indicators[name].type].outputs) for name in used)
    kept = every * (BAR_NUMBERS + outputs) + samples * feature_count(strategy, timeframes)
    return NUMBER_BYTES * kept + ACTIVATION_BYTES * samples * max(strategy.model.architecture.hidden_layers)
