"""Fetches the bars of a range, and as many stored bars before it as the indicators depend on. Torch-free."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ktrdr.data.bars import BEFORE_LIMIT, Bars, iso, parse_range
from ktrdr.data.resample import Resampler, Whole, begins, ratio
from ktrdr.data.rows import HOUR_S, LATEST
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.history import history
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import order
from ktrdr.worker.backend import Backend

Report = Callable[[float, str, int, int], None]
"""Called with the share (0 to 1) of all that has come, what is fetched, how many of its bars have come, and of all."""


def fetch(
    backend: Backend,
    strategy: Strategy,
    timeframes: Sequence[str],
    request: dict[str, Any],
    *,
    check: Callable[[], None] = lambda: None,
    report: Report = lambda *_: None,
) -> dict[str, Bars]:
    """Return bars by timeframe. `request` holds symbol, start_date, end_date, and what `made_of` reads.

    `check` is called before each page of bars and may raise to stop, `report` after it.
    """
    _, end = parse_range(request["start_date"], request["end_date"])
    symbol, finest = request["symbol"], order(timeframes)[0]
    bars: dict[str, Bars] = {}
    for timeframe in timeframes:
        source = made_of(request).get(timeframe, timeframe)
        before = history_of(strategy, timeframe, source)
        begin = request["start_date"] if before is not None else None
        stop = end_of(timeframe, finest, end, source)
        last = iso(stop - 1) if stop is not None else None
        bars[timeframe] = backend.bars(
            symbol,
            source,
            begin,
            last,
            before=before or 0,
            collect=collector(source, timeframe),
            check=check,
            report=partial(_tell, part(report, len(bars), len(timeframes)), f"{symbol} {source}"),
        )
    return bars


def part(report: Report, place: int, places: int) -> Report:
    """Return a report for one of several things that are fetched one after the other."""
    return lambda share, *rest: report((place + share) / places, *rest)


def _tell(report: Report, what: str, come: int, total: int) -> None:
    report(come / max(total, 1), what, come, total)


def made_of(request: dict[str, Any]) -> dict[str, str]:
    """Return the finer timeframes of which a request's symbol's missing ones are made, by the missing one."""
    found: dict[str, str] = request.get("made_of", {}).get(request["symbol"], {})
    return found


def collector(source: str, timeframe: str) -> Callable[[], Whole | Resampler]:
    """Return what collects the bars of a timeframe that come as those of its source."""
    return Whole if source == timeframe else partial(Resampler, source, timeframe)


def history_of(strategy: Strategy, timeframe: str, source: str) -> int | None:
    """Return how many bars of the source before a range the features depend on; None if that is all of them.

    Of a coarser bar that is made of finer ones, the first may be left out: there is one more.
    """
    before = history(strategy, timeframe)
    if before is None or source == timeframe:
        return before
    finer = (before + 1) * ratio(source, timeframe)
    return finer if finer <= BEFORE_LIMIT else None


def end_of(timeframe: str, finest: str, end: int | None, source: str | None = None) -> int | None:
    """Return the end (excluded, epoch seconds) up to which a timeframe's bars, or those of its source, are read.

    The opening of the next coarser bar says when the one before it closes: an hour late at most. A bar that is made of
    finer ones is made of all.
    """
    if end is None:
        return None
    more = 0 if timeframe == finest else TIMEFRAME_SECONDS[finest] + HOUR_S
    stop = min(end, LATEST) + more
    if source in (None, timeframe):
        return stop
    return begins(stop - 1, timeframe) + TIMEFRAME_SECONDS[timeframe]
