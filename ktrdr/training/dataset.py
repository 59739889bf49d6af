"""Samples in three parts, one after the other in time, and the scaler that knows only the first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.errors import BadRequestError
from ktrdr.strategy.schema import Strategy
from ktrdr.training.features import Row, feature_rows, order
from ktrdr.training.labels import label

TRAINING_SHARE: Final = 0.70
VALIDATION_SHARE: Final = 0.15
FEWEST_SAMPLES: Final = 30


@dataclass
class Samples:
    """Inputs and right answers of one part, in order of time within each symbol."""

    rows: list[Row] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Scaler:
    """Takes off the mean and divides by the standard deviation, each as long as a row."""

    means: list[float]
    deviations: list[float]

    @classmethod
    def fit(cls, rows: list[Row]) -> "Scaler":
        """Learn from rows; a feature that never changes is left where it is."""
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


def build(strategy: Strategy, bars: Mapping[str, Mapping[str, Bars]]) -> Dataset:
    """Make the dataset from bars by symbol and timeframe; BadRequestError where a part is too small to learn from.

    Every symbol is split at the same shares of its bars. Labels are found inside each part alone.
    """
    parts = (Samples(), Samples(), Samples())
    names: list[str] = []
    for by_timeframe in bars.values():
        names, rows = feature_rows(strategy, by_timeframe)
        closes = by_timeframe[order(list(by_timeframe))[0]].closes
        first, second = int(len(closes) * TRAINING_SHARE), int(len(closes) * (TRAINING_SHARE + VALIDATION_SHARE))
        for part, start, stop in zip(parts, (0, first, second), (first, second, len(closes)), strict=True):
            answers = label(closes[start:stop], strategy.training.labels)
            for position, answer in enumerate(answers, start):
                row = rows[position]
                if answer is not None and row is not None and position >= strategy.history_required:
                    part.rows.append(row)
                    part.labels.append(int(answer))
    for what, part in zip(("training", "validation", "test"), parts, strict=True):
        if len(part.rows) < FEWEST_SAMPLES:
            message = f"The {what} part has {len(part.rows)} samples, {FEWEST_SAMPLES} are needed: use a longer range."
            raise BadRequestError("too_few_samples", message)
    scaler = Scaler.fit(parts[0].rows)
    for part in parts:
        part.rows[:] = [scaler.scale(row) for row in part.rows]
    return Dataset(names, scaler, *parts)
