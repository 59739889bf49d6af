"""The samples in three parts in order of time, and the scaler fitted on the first part alone.

The parts meet at two dates, the same for every symbol: otherwise a part could see the time of a later one through
another symbol. A label uses only bars of its own part. The last bars of each part, whose label would need bars beyond
the boundary, have no label (they are purged). Features look back over the boundary, as they would in the market.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Self

from ktrdr.data.bars import Bars
from ktrdr.errors import BadRequestError
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import Row, feature_rows, order
from ktrdr.training.labels import label

TRAINING_SHARE: Final = 0.70
VALIDATION_SHARE: Final = 0.15
FEWEST_SAMPLES: Final = 30

BySymbol = Mapping[str, Mapping[str, Bars]]
"""Bars by symbol, then by timeframe."""


@dataclass
class Samples:
    """Inputs and labels of one part, in order of time within each symbol."""

    rows: list[Row] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


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

    def places(self, times: list[int], since: int | None = None) -> list[int]:
        """Return the positions where the three parts begin, and the end."""
        first = bisect_left(times, since) if since is not None else 0
        return [first, bisect_left(times, self.validation), bisect_left(times, self.test), len(times)]


@dataclass(frozen=True)
class Scaler:
    """Subtracts the mean and divides by the standard deviation of each feature."""

    means: list[float]
    deviations: list[float]

    @classmethod
    def fit(cls, rows: list[Row]) -> "Scaler":
        """Fit on rows; a constant feature is not scaled."""
        columns = list(zip(*rows, strict=True))
        means = [math.fsum(column) / len(column) for column in columns]
        spreads = [
            math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column))
            for column, mean in zip(columns, means, strict=True)
        ]
        return cls(means, [spread if spread > 1e-12 else 1.0 for spread in spreads])  # noqa: PLR2004  rounding

    def scale(self, row: Row) -> Row:
        """Return a scaled row."""
        return [(value - mean) / by for value, mean, by in zip(row, self.means, self.deviations, strict=True)]


@dataclass(frozen=True)
class Dataset:
    """The three parts, scaled, with the features' names; `unscaled` rows are not kept."""

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


def times_of(by_timeframe: Mapping[str, Bars], since: int | None) -> list[int]:
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
    parts = (Samples(), Samples(), Samples())
    names: list[str] = []
    for by_timeframe in bars.values():
        names, rows = feature_rows(strategy, by_timeframe, check=check)
        base = base_of(by_timeframe)
        for part, (start, stop) in zip(parts, pairwise(split.places(base.times, since)), strict=True):
            answers = label(base.closes[start:stop], strategy.training.labels)
            for position, answer in enumerate(answers, start):
                row = rows[position]
                if answer is not None and row is not None and position >= strategy.training_data.history_required:
                    part.rows.append(row)
                    part.labels.append(int(answer))
    for what, part in zip(("training", "validation", "test"), parts, strict=True):
        if len(part.rows) < FEWEST_SAMPLES:
            message = f"The {what} part has {len(part.rows)} samples, {FEWEST_SAMPLES} are needed: use a longer range."
            raise BadRequestError("too_few_samples", message)
    check()
    scaler = Scaler.fit(parts[0].rows)
    for part in parts:
        check()
        part.rows[:] = [scaler.scale(row) for row in part.rows]
    return Dataset(names, scaler, *parts)
