"""From features to a signal, by the trained network and the strategy's threshold."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, overload

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.data.bars import Bars
from ktrdr.errors import InvalidError
from ktrdr.signals import Signal
from ktrdr.training.features import feature_rows
from ktrdr.training.inputs import scaled
from ktrdr.training.model_store import LoadedModel
from ktrdr.training.table import Table

BATCH: Final = 1024
"""Rows that pass the network at once."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A signal, and the probability (0 to 1) that the network gave it before the threshold."""

    signal: Signal
    confidence: float


WAIT: Final = Decision(Signal.HOLD, 0.0)
"""The decision while an indicator still waits for bars."""


@dataclass(frozen=True)
class Decisions(Sequence[Decision]):
    """Decisions bar by bar: a signal in a byte, a confidence as 32-bit floating point, 0 where there is no decision."""

    signals: bytes
    confidences: "array[float]"

    def __len__(self) -> int:
        return len(self.signals)

    @overload
    def __getitem__(self, place: int) -> Decision: ...

    @overload
    def __getitem__(self, place: slice) -> "Decisions": ...

    def __getitem__(self, place: int | slice) -> "Decision | Decisions":
        if isinstance(place, slice):
            return Decisions(self.signals[place], self.confidences[place])
        return Decision(Signal(self.signals[place]), self.confidences[place])

    @property
    def undecided(self) -> int:
        """How many bars there is no decision on."""
        return self.confidences.count(WAIT.confidence)


class DecisionEngine:
    """Decides on each bar by its own features alone."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def prepare(self, bars: Mapping[str, Bars], *, check: Callable[[], None] = lambda: None) -> Table:
        """Return a feature row for each bar of the finest timeframe, none within the strategy's required history.

        InvalidError if they are not the model's features. `check` is called often and may raise to stop.
        """
        strategy = self._model.strategy
        names, rows = feature_rows(strategy, {name: bars[name] for name in self._model.timeframes}, check=check)
        if names != self._model.stored.names:
            message = "The model was trained on other features than its strategy names. Train it again."
            raise InvalidError("model_mismatch", message)
        rows.forget(strategy.training_data.history_required)
        return rows

    def decide(self, rows: Table, *, check: Callable[[], None] = lambda: None) -> Decisions:
        """Return the decision for each row of features. `check` is called before each batch and may raise to stop."""
        known = rows.known()
        ready = rows.chosen(known) if 0 in known else rows
        signals, confidences = bytearray(), array("f")
        for start in range(0, len(ready), BATCH):
            check()
            chosen, odds = self._of_batch(ready[start : start + BATCH])
            signals += bytes(chosen)
            confidences.extend(odds)
        if len(ready) < len(rows):
            decided = zip(signals, confidences, strict=True)
            wait = (WAIT.signal, WAIT.confidence)
            signals, confidences = bytearray(len(rows)), array("f", bytes(4 * len(rows)))
            for place, yes in enumerate(known):
                signals[place], confidences[place] = next(decided) if yes else wait
        return Decisions(bytes(signals), confidences)

    def _of_batch(self, rows: Table) -> tuple[list[int], list[float]]:
        stored = self._model.stored
        # Every batch is filled up to one size: then a row's odds are the same to the bit whatever else is in its batch.
        inputs = scaled(rows, stored.scaler)
        full = torch.cat((inputs, inputs[:1].expand(BATCH - len(rows), -1)))
        with torch.no_grad():
            best = torch.softmax(stored.network(full), dim=1).max(1)
        odds, choices = (found[: len(rows)] for found in (best.values, best.indices))
        followed = odds.double() >= self._model.strategy.decisions.confidence_threshold
        return torch.where(followed, choices, int(Signal.HOLD)).tolist(), odds.tolist()
