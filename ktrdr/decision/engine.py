"""From features to a signal, by the trained network and the strategy's threshold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.data.bars import Bars
from ktrdr.errors import InvalidError
from ktrdr.signals import Signal
from ktrdr.training.features import Row, feature_rows
from ktrdr.training.model_store import LoadedModel

BATCH: Final = 1024
"""Rows that pass the network at once."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A signal, and the probability (0 to 1) that the network gave it before the threshold."""

    signal: Signal
    confidence: float


WAIT: Final = Decision(Signal.HOLD, 0.0)
"""The decision while an indicator still waits for bars."""


class DecisionEngine:
    """Decides on each bar by its own features alone."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._threshold = model.strategy.decisions.confidence_threshold
        scaler = model.stored.scaler
        self._means, self._deviations = (
            torch.tensor(figures, dtype=torch.float64) for figures in (scaler.means, scaler.deviations)
        )

    def prepare(self, bars: Mapping[str, Bars], *, check: Callable[[], None] = lambda: None) -> list[Row | None]:
        """Return a feature row for each bar of the finest timeframe, and None for the strategy's required history.

        InvalidError if they are not the model's features. `check` is called often and may raise to stop.
        """
        strategy = self._model.strategy
        names, rows = feature_rows(strategy, {name: bars[name] for name in self._model.timeframes}, check=check)
        if names != self._model.stored.names:
            message = "The model was trained on other features than its strategy names. Train it again."
            raise InvalidError("model_mismatch", message)
        history = min(strategy.training_data.history_required, len(rows))
        return [None] * history + rows[history:]

    def decide(self, rows: Sequence[Row | None], *, check: Callable[[], None] = lambda: None) -> list[Decision]:
        """Return the decision for each row of features. `check` is called before each batch and may raise to stop."""
        decisions = [WAIT] * len(rows)
        known = [place for place, row in enumerate(rows) if row is not None]
        for start in range(0, len(known), BATCH):
            check()
            places = known[start : start + BATCH]
            for place, decision in zip(places, self._of_batch([rows[place] for place in places]), strict=True):
                decisions[place] = decision
        return decisions

    def _of_batch(self, rows: list[Row | None]) -> list[Decision]:
        # Every batch is filled up to one size: then a row's odds are the same to the bit whatever else is in its batch.
        full = torch.tensor(rows + rows[:1] * (BATCH - len(rows)), dtype=torch.float64)
        scaled = ((full - self._means) / self._deviations).to(torch.float32)
        with torch.no_grad():
            best = torch.softmax(self._model.stored.network(scaled), dim=1).max(1)
        return [
            Decision(Signal(choice) if confidence >= self._threshold else Signal.HOLD, confidence)
            for confidence, choice in zip(best.values[: len(rows)].tolist(), best.indices.tolist(), strict=False)
        ]
