"""Fetches the bars of a range, and as many stored bars before it as the indicators depend on. Torch-free."""

from collections.abc import Callable, Sequence
from typing import Any

from ktrdr.data.bars import Bars, iso, parse_range
from ktrdr.data.rows import HOUR_S, LATEST
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.history import history
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import order
from ktrdr.worker.backend import Backend


def fetch(
    backend: Backend,
    strategy: Strategy,
    timeframes: Sequence[str],
    request: dict[str, Any],
    *,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Bars]:
    """Return bars by timeframe. `request` holds symbol, start_date and end_date.

    `check` is called before each page and may raise to stop.
    """
    _, end = parse_range(request["start_date"], request["end_date"])
    bars = {}
    for timeframe in timeframes:
        before = history(strategy, timeframe)
        begin = request["start_date"] if before is not None else None
        stop = end_of(timeframe, order(timeframes)[0], end)
        last = iso(stop - 1) if stop is not None else None
        bars[timeframe] = backend.bars(request["symbol"], timeframe, begin, last, before=before or 0, check=check)
    return bars


def end_of(timeframe: str, finest: str, end: int | None) -> int | None:
    """Return the end (excluded, epoch seconds) up to which a timeframe's bars are read.

    The opening of the next coarser bar says when the one before it closes: an hour late at most.
    """
    more = 0 if timeframe == finest else TIMEFRAME_SECONDS[finest] + HOUR_S
    return min(end, LATEST) + more if end is not None else None
