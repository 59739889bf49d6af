"""Seeded gradient descent with early stopping: the same data and seed give the same network on the same machine."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes
from torch import nn  # type: ignore[import-not-found,unused-ignore]

from ktrdr.epochs import Epoch
from ktrdr.errors import BadRequestError
from ktrdr.signals import Signal
from ktrdr.strategy.schema import Training
from ktrdr.training.checkpoint import State, capture, restore
from ktrdr.training.dataset import Dataset, Samples
from ktrdr.training.descent import Descent
from ktrdr.training.inputs import scaled
from ktrdr.training.judgement import majority_share

BATCHES: Final = 1024
"""How many batches are put in their order at once: their rows then lie side by side, and memory does not grow."""


@dataclass
class History:
    """Losses and accuracies by epoch, and the seconds of the whole training."""

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0

    def add(self, train_loss: float, train_accuracy: float, val_loss: float, val_accuracy: float) -> None:
        """Add an epoch."""
        for figures, value in (
            (self.train_loss, train_loss), (self.train_accuracy, train_accuracy),
            (self.val_loss, val_loss), (self.val_accuracy, val_accuracy),
        ):  # fmt: skip
            figures.append(value)

    def epochs(self) -> list[Epoch]:
        """Return the epochs so far, the first one first."""
        columns = (self.train_loss, self.train_accuracy, self.val_loss, self.val_accuracy)
        return [Epoch(place, *values) for place, values in enumerate(zip(*columns, strict=True), 1)]


def train(
    network: Any,
    data: Dataset,
    settings: Training,
    *,
    device: str,
    on_epoch: Callable[[int, History], None],
    check: Callable[[], None],
    begin: State | None = None,
    on_state: Callable[[Callable[[], State]], None] = lambda _: None,
) -> History:
    """Train `network` in place and leave it with the weights of its best epoch.

    `on_epoch` is called after each epoch (counted from 1); `check` is called before each batch and may raise to stop.
    With `begin` the training goes on after that state's epochs. `on_state` is called after each epoch that another
    one follows or may follow, with a function that returns the state. BadRequestError if the loss is not finite.
    """
    began = time.perf_counter()
    dice = torch.Generator().manual_seed(settings.seed)
    inputs, labels = _tensors(data, data.training, device)
    check()
    validation = _tensors(data, data.validation, device)
    weigh = nn.CrossEntropyLoss(weight=_class_weights(labels))
    descent = Descent(network, weigh.weight, settings.learning_rate)
    history, best = History(), (math.inf, dict[str, Any]())
    if begin is not None:
        restore(begin, network, descent.optimizer, dice, device=device, seed=settings.seed)
        history, best = History(**copy.deepcopy(begin.history)), (begin.best_loss, begin.best)
        began -= history.seconds

    def state() -> State:
        history.seconds = time.perf_counter() - began
        return capture(network, descent.optimizer, dice, best=best, history=asdict(history), device=device)

    for epoch in range(len(history.train_loss) + 1, settings.epochs + 1):
        learnt = _epoch(descent, (inputs, labels), dice, settings.batch_size, check=check)
        loss_now, accuracy, _ = evaluate(network, validation, weigh)
        history.add(*learnt, loss_now, accuracy)
        _require_finite(learnt[0] + loss_now, epoch, settings.learning_rate)
        if loss_now < best[0]:
            best = (loss_now, copy.deepcopy(network.state_dict()))
            history.best_epoch = epoch
        on_epoch(epoch, history)
        if epoch - history.best_epoch >= settings.patience:
            break
        on_state(state)
    if best[1]:
        network.load_state_dict(best[1])
    history.seconds = time.perf_counter() - began
    return history


def _require_finite(loss: float, epoch: int, rate: float) -> None:
    if not math.isfinite(loss):
        message = f"The loss is not a number after epoch {epoch}: lower training.learning_rate below {rate:g}."
        raise BadRequestError("diverged", message)


def _epoch(
    descent: Descent, samples: tuple[Any, Any], dice: Any, batch_size: int, *, check: Callable[[], None]
) -> tuple[float, float]:
    """Take a step for each batch of shuffled rows; return mean loss and share of right answers over all rows."""
    inputs, labels = samples
    order = torch.randperm(len(labels), generator=dice)
    total, right = 0.0, 0
    with torch.inference_mode():
        for places in order.split(BATCHES * batch_size):
            chosen = places.to(labels.device)
            truth = labels[chosen]
            logits = torch.empty((len(truth), len(Signal)), device=labels.device)
            batches = [part.split(batch_size) for part in (inputs[chosen], truth, logits)]
            losses = []
            for batch in zip(*batches, strict=True):
                check()
                losses.append(descent.step(*batch))
            for loss, batch in zip(torch.stack(losses).tolist(), batches[1], strict=True):
                total += loss * len(batch)
            right += int((logits.argmax(1) == truth).sum().item())
    return total / len(labels), right / len(labels)


def evaluate(network: Any, samples: tuple[Any, Any], weigh: Any) -> tuple[float, float, list[int]]:
    """Return loss, accuracy (0 to 1) and the predicted classes of samples, without learning from them."""
    inputs, labels = samples
    network.eval()
    with torch.no_grad():
        logits = network(inputs)
        loss = weigh(logits, labels).item()
        predicted = logits.argmax(1)
        accuracy = (predicted == labels).float().mean().item()
    return loss, accuracy, predicted.tolist()


def test(network: Any, data: Dataset, device: str) -> tuple[dict[str, float], list[int]]:
    """Return the figures of the test part and the predicted classes.

    The figures are test_accuracy, test_loss and the unweighted means over the classes of precision, recall and
    f1_score. majority_share is the accuracy of always giving the part's most frequent answer, for comparison.
    """
    samples = _tensors(data, data.test, device)
    weigh = nn.CrossEntropyLoss(weight=_class_weights(_labels(data.training, device)))
    loss, accuracy, predicted = evaluate(network, samples, weigh)
    right = data.test.labels
    figures = {
        "test_accuracy": accuracy,
        "test_loss": loss,
        **class_means(predicted, right),
        "majority_share": majority_share(right),
    }
    return figures, predicted


def class_means(predicted: Sequence[int], right: Sequence[int]) -> dict[str, float]:
    """Return precision, recall and f1_score, each the mean over the classes that occur in either list."""
    figures = []
    for kind in sorted(set(predicted) | set(right)):
        hits = sum(1 for guess, truth in zip(predicted, right, strict=True) if guess == truth == kind)
        precision = hits / max(predicted.count(kind), 1)
        recall = hits / max(right.count(kind), 1)
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        figures.append((precision, recall, f1))
    sums = [sum(column) / len(figures) for column in zip(*figures, strict=True)]
    return dict(zip(("precision", "recall", "f1_score"), sums, strict=True))


def _tensors(data: Dataset, samples: Samples, device: str) -> tuple[Any, Any]:
    return scaled(samples.rows, data.scaler).to(device), _labels(samples, device)


def _labels(samples: Samples, device: str) -> Any:
    return torch.frombuffer(samples.labels, dtype=torch.int8).to(device, torch.int64)


def _class_weights(labels: Any) -> Any:
    counts = torch.bincount(labels, minlength=len(Signal)).float()
    present = counts > 0
    weights = torch.where(present, len(labels) / counts.clamp(min=1), torch.zeros_like(counts))
    return weights / present.sum()
