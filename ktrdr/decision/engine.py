"""From features to a signal, by the trained network and the strategy's threshold."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, overload

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.data.bars import Bars
from ktrdr.errors import InvalidError
from ktrdr.neural.threads import set_threads
from ktrdr.signals import Signal
from ktrdr.training.features import feature_rows
from ktrdr.training.inputs import scaled
from ktrdr.training.model_store import LoadedModel
from ktrdr.training.table import Table

BATCH: Final = 1024
"""Rows that pass the network at once."""

TOGETHER: Final = 16 * BATCH
"""Rows that are scaled and compared with the threshold at once."""


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
        set_threads(model.stored.network, BATCH)

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
        """Return the decision for each row of features. `check` is called often and may raise to stop."""
        signals, confidences = bytearray(), array("f")
        for start in range(0, len(rows), TOGETHER):
            check()
            chosen, odds = self._of(rows[start : start + TOGETHER])
            signals += bytes(chosen)
            confidences.extend(odds)
        return Decisions(bytes(signals), confidences)

    def _of(self, rows: Table) -> tuple[list[int], list[float]]:
        stored = self._model.stored
        inputs = scaled(rows, stored.scaler)
        # Every batch is filled up to one size: then a row's odds are the same to the bit whatever else is in its batch.
        full = torch.cat((inputs, inputs[:1].expand(-len(rows) % BATCH, -1)))
        with torch.inference_mode():
            logits = torch.cat([stored.network(batch) for batch in full.split(BATCH)])
            best = torch.softmax(logits[: len(rows)], dim=1).max(1)
            known = ~inputs.isnan().any(1)
            followed = known & (best.values.double() >= self._model.strategy.decisions.confidence_threshold)
            signals = torch.where(followed, best.indices, int(WAIT.signal))
            return signals.tolist(), torch.where(known, best.values, WAIT.confidence).tolist()
