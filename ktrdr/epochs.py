"""What a training tells of one epoch. Torch-free: worker and backend share it."""

from dataclasses import dataclass
from typing import Final

EPOCHS_LIMIT: Final = 1000
"""The most epochs of a training."""


@dataclass(frozen=True)
class Epoch:
    """Losses and accuracies (0 to 1) of the training and the validation part after an epoch, counted from 1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
