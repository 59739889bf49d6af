"""Fetches a backtest's bars, and as many stored bars before them as the indicators depend on. Torch-free."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from ktrdr.data.bars import Bars, iso, parse_range
from ktrdr.data.rows import HOUR_S, LATEST
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import history, order
from ktrdr.worker.backend import Backend


def fetch(
    backend: Backend,
    strategy: Strategy,
    timeframes: Sequence[str],
    request: dict[str, Any],
    *,
    check: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Bars], int]:
    """Return bars by timeframe, and the position of the range's first bar among those of the finest timeframe.

    `request` holds symbol, start_date and end_date. `check` is called before each page and may raise to stop.
    """
    start, end = parse_range(request["start_date"], request["end_date"])
    finest, *_ = order(timeframes)
    bars = {}
    for timeframe in timeframes:
        before = history(strategy, timeframe)
        begin = request["start_date"] if before is not None else None
        # The next coarser bar's opening tells when the one before it closes: an hour late at most.
        more = 0 if timeframe == finest else TIMEFRAME_SECONDS[finest] + HOUR_S
        last = min(end, LATEST) - 1 + more if end is not None else None
        bars[timeframe] = backend.bars(
            request["symbol"],
            timeframe,
            begin,
            iso(last) if last is not None else None,
            before=before or 0,
            check=check,
        )
    return bars, bisect_left(bars[finest].times, start) if start is not None else 0


def warm_up_warnings(undecided: int, walked: int) -> list[str]:
    """Return what to know of a backtest that walked bars without a decision on `undecided` of them."""
    if not undecided:
        return []
    reason = "too few earlier bars are stored for the indicators and history_required"
    if undecided == walked:
        return [f"No bar was decided on, so there are no trades: {reason}."]
    return [f"{undecided} of {walked} bars were not decided on: {reason}."]
