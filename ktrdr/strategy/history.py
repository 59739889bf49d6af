"""How many bars before a range a strategy's features depend on."""

from typing import TYPE_CHECKING

from ktrdr.indicators.history import bars_needed

if TYPE_CHECKING:
    from ktrdr.strategy.schema import NetworkInput, Strategy


def history(strategy: "Strategy", timeframe: str) -> int | None:
    """Return how many bars before a range its features depend on; None if that is all of them.

    Two more are for the coarser bar that is under way at the range's start, and for the one before it.
    """
    needed = [strategy.training_data.history_required]
    for item in inputs_on(strategy, timeframe):
        use = strategy.indicators[strategy.source(item)[0]]
        count = bars_needed(use.type, use.parameters.model_dump())
        if count is None:
            return None
        needed.append(count)
    return max(needed) + 2


def inputs_on(strategy: "Strategy", timeframe: str) -> list["NetworkInput"]:
    """Return the inputs that are computed on a timeframe."""
    return [item for item in strategy.nn_inputs if not item.timeframes or timeframe in item.timeframes]
