"""Coarser bars from finer ones, where a timeframe is not stored.

A bar of four hours or a day begins at such a time of UTC, one of a week on Monday. It is made of the finer bars that
close after its beginning and at its end at the latest: so it holds nothing that was not known when it closed.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.data.rows import HOUR_S, NEAREST_S
from ktrdr.names import TIMEFRAME_SECONDS, TIMEFRAMES

MONDAY: Final = 4 * 86_400
"""1970-01-05, in epoch seconds."""


def source_of(timeframe: str, stored: Iterable[str]) -> str | None:
    """Return the coarsest of the stored timeframes that is finer than another; None if there is none."""
    finer = [name for name in stored if TIMEFRAME_SECONDS[name] < TIMEFRAME_SECONDS[timeframe]]
    return max(finer, key=TIMEFRAME_SECONDS.__getitem__, default=None)


def ratio(source: str, timeframe: str) -> int:
    """Return how many bars of a finer timeframe a bar of a coarser one is made of, at most."""
    return TIMEFRAME_SECONDS[timeframe] // TIMEFRAME_SECONDS[source]


def begins(time: int, timeframe: str) -> int:
    """Return when the bar of a timeframe begins within which a time lies: its beginning is included."""
    anchor, length = MONDAY if timeframe == TIMEFRAMES[-1] else 0, TIMEFRAME_SECONDS[timeframe]
    return (time - anchor) // length * length + anchor


def closes_at(times: Sequence[int], place: int, timeframe: str) -> int:
    """Return when a bar closes: when the next one opens, if a change of clocks explains the difference."""
    nominal = times[place] + TIMEFRAME_SECONDS[timeframe]
    following = times[place + 1] if place + 1 < len(times) else nominal
    return following if abs(following - nominal) <= (HOUR_S if timeframe in NEAREST_S else 0) else nominal


def told(symbol: str, made_of: dict[str, str]) -> list[str]:
    """Return what to know of a result for which coarser bars (the keys) were made of finer ones (the values)."""
    return [
        f"{symbol} {timeframe} is not stored: its bars were made of the {source} bars, by the clock of UTC."
        for timeframe, source in made_of.items()
    ]


class Whole:
    """Collects bars as they come, 8 bytes a number."""

    def __init__(self) -> None:
        self.bars = Bars().packed()

    def add(self, page: Bars) -> None:
        """Add bars behind the last ones."""
        self.bars.extend(page)

    def finish(self) -> Bars:
        """Return all bars."""
        return self.bars


class Resampler:
    """Makes coarser bars of finer ones as they come; it keeps no more of these than a coarser bar is made of.

    A first bar that may lack finer ones is left out: then a bar has the same values wherever reading began.
    """

    def __init__(self, source: str, timeframe: str) -> None:
        self._source = source
        self._timeframe = timeframe
        self._rest = Bars()
        self._made = Bars().packed()
        self._first = True

    def add(self, page: Bars) -> None:
        """Add finer bars behind the last ones."""
        self._rest.extend(page)
        known = [edge for edge in self._edges() if edge < len(self._rest) - 1]  # the next bar says when the last closes
        self._make(known)
        if known:
            self._rest = self._rest.between(known[-1], len(self._rest))

    def finish(self) -> Bars:
        """Return the coarser bars; of the last one, finer bars may be missing."""
        self._make(self._edges())
        return self._made

    def _edges(self) -> list[int]:
        """Return the places where a coarser bar begins, and the end."""
        times = self._rest.times
        of = [self._bar_of(place) for place in range(len(times))]
        inner = (place for place, (before, now) in enumerate(pairwise(of), 1) if before != now)
        return [0, *inner, len(of)] if of else []

    def _bar_of(self, place: int) -> int:
        return begins(closes_at(self._rest.times, place, self._source) - 1, self._timeframe)

    def _make(self, edges: Sequence[int]) -> None:
        rest = self._rest
        for start, stop in pairwise(edges):
            opens_at = self._bar_of(start)
            if self._first and rest.times[start] != opens_at:
                self._first = False
                continue
            self._first = False
            self._made.extend(
                Bars(
                    [opens_at],
                    [rest.opens[start]],
                    [max(rest.highs[start:stop])],
                    [min(rest.lows[start:stop])],
                    [rest.closes[stop - 1]],
                    [math.fsum(rest.volumes[start:stop])],
                )
            )
