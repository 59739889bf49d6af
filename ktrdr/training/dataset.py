"""The samples in three parts in order of time, and the scaler fitted on the first part alone.

The parts meet at two dates, the same for every symbol: otherwise a part could see the time of a later one through
another symbol. A label uses only bars of its own part. The last bars of each part, whose label would need bars beyond
the boundary, have no label (they are purged). Features look back over the boundary, as they would in the market.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Final, Self

from ktrdr.data.bars import Bars
from ktrdr.errors import BadRequestError
from ktrdr.stopping import may_stop
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import feature_rows, order
from ktrdr.training.labels import label
from ktrdr.training.table import Table

TRAINING_SHARE: Final = 0.70
VALIDATION_SHARE: Final = 0.15
FEWEST_SAMPLES: Final = 30
PARTS: Final = ("training", "validation", "test")

BySymbol = Mapping[str, Mapping[str, Bars]]
"""Bars by symbol, then by timeframe."""


@dataclass
class Samples:
    """Inputs, not scaled, and labels (a byte each) of one part, in order of time within each symbol."""

    rows: Table
    labels: "array[int]"

    @classmethod
    def none(cls, width: int) -> Self:
        """Return no samples of `width` inputs."""
        return cls(Table([array("d") for _ in range(width)]), array("b"))


@dataclass(frozen=True)
class Split:
    """Where the validation part and the test part begin, in epoch seconds."""

    validation: int
    test: int

    @classmethod
    def of(cls, bars: "BySymbol", since: int | None = None) -> Self:
        """Cut at 70 % and 85 % of all bars on which decisions are made, in order of time."""
        times = sorted(time for by_timeframe in bars.values() for time in times_of(by_timeframe, since)) or [0]
        return cls(*(times[int(len(times) * share)] for share in (TRAINING_SHARE, TRAINING_SHARE + VALIDATION_SHARE)))

    def places(self, times: Sequence[int], since: int | None = None) -> list[int]:
        """Return the positions where the three parts begin, and the end."""
        first = bisect_left(times, since) if since is not None else 0
        return [first, bisect_left(times, self.validation), bisect_left(times, self.test), len(times)]


@dataclass(frozen=True)
class Scaler:
    """Subtracts the mean and divides by the standard deviation of each feature."""

    means: list[float]
    deviations: list[float]

    @classmethod
    def fit(cls, rows: Table, check: Callable[[], None] = lambda: None) -> "Scaler":
        """Fit on rows; a constant feature is not scaled. `check` is called before each feature and may raise."""
        means, spreads = [], []
        for column in rows.columns:
            check()
            mean = math.fsum(column) / len(column)
            spread = math.sqrt(math.fsum([(value - mean) ** 2 for value in column]) / len(column))
            means.append(mean)
            spreads.append(spread if spread > 1e-12 else 1.0)  # noqa: PLR2004  rounding
        return cls(means, spreads)


@dataclass(frozen=True)
class Dataset:
    """The three parts with the features' names, and the scaler that the network's inputs pass."""

    names: list[str]
    scaler: Scaler
    training: Samples
    validation: Samples
    test: Samples

    @property
    def total(self) -> int:
        """How many samples there are in all."""
        return len(self.training.rows) + len(self.validation.rows) + len(self.test.rows)


def base_of(by_timeframe: Mapping[str, Bars]) -> Bars:
    """Return the bars on which decisions are made: those of the finest timeframe."""
    return by_timeframe[order(list(by_timeframe))[0]]


def times_of(by_timeframe: Mapping[str, Bars], since: int | None) -> Sequence[int]:
    """Return when the bars open on which decisions are made, from `since` (epoch seconds) on."""
    times = base_of(by_timeframe).times
    return times[bisect_left(times, since) :] if since is not None else times


def build(
    strategy: Strategy,
    bars: BySymbol,
    split: Split | None = None,
    *,
    since: int | None = None,
    check: Callable[[], None] = lambda: None,
) -> Dataset:
    """Build the dataset; BadRequestError if a part is too small to learn from. `check` may raise to stop.

    Bars before `since` (epoch seconds) are for the indicators only.
    """
    split = split or Split.of(bars, since)
    parts: list[Samples] = []
    names: list[str] = []
    for by_timeframe in bars.values():
        names, rows = feature_rows(strategy, by_timeframe, check=check)
        parts = parts or [Samples.none(len(names)) for _ in PARTS]
        rows.forget(strategy.training_data.history_required)
        known = rows.known(check)
        base = base_of(by_timeframe)
        for part, (start, stop) in zip(parts, pairwise(split.places(base.times, since)), strict=True):
            check()
            with may_stop(check):
                answers = label(base.closes[start:stop], strategy.training.labels)
            check()
            usable = bytes(answer is not None and yes for answer, yes in zip(answers, known[start:stop], strict=True))
            check()
            part.labels.extend(answer for answer in compress(answers, usable) if answer is not None)
            part.rows.extend(rows, start, usable, check)
    for what, part in zip(PARTS, parts, strict=True):
        if len(part.rows) < FEWEST_SAMPLES:
            message = f"The {what} part has {len(part.rows)} samples, {FEWEST_SAMPLES} are needed: use a longer range."
            raise BadRequestError("too_few_samples", message)
    check()
    return Dataset(names, Scaler.fit(parts[0].rows, check), *parts)
