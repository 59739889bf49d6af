"""From features to a signal, by the trained network and the strategy's threshold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.data.bars import Bars
from ktrdr.errors import InvalidError
from ktrdr.signals import Signal
from ktrdr.training.features import Row, feature_rows
from ktrdr.training.model_store import LoadedModel


@dataclass(frozen=True)
class Decision:
    """A signal, and the probability (0 to 1) that the network gave it before the threshold."""

    signal: Signal
    confidence: float


WAIT: Final = Decision(Signal.HOLD, 0.0)
"""The decision while an indicator still waits for bars."""


class DecisionEngine:
    """Decides bar by bar."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._threshold = model.strategy.decisions.confidence_threshold

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

    def decide(self, row: Row | None) -> Decision:
        """Return the decision for one row of features."""
        if row is None:
            return WAIT
        scaled = self._model.stored.scaler.scale(row)
        with torch.no_grad():
            odds = torch.softmax(self._model.stored.network(torch.tensor([scaled], dtype=torch.float32)), dim=1)[0]
        confidence, choice = (part.item() for part in odds.max(0))
        signal = Signal(int(choice)) if confidence >= self._threshold else Signal.HOLD
        return Decision(signal, confidence)
