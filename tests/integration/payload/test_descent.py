"""Runs inside an image with torch: our descent takes the steps of autograd and torch.optim, to the bit."""

from array import array
from typing import Any

import pytest
import torch  # type: ignore[import-not-found,unused-ignore]
from torch import nn  # type: ignore[import-not-found,unused-ignore]

from ktrdr.neural.models.mlp import build_mlp
from ktrdr.strategy.schema import Labels, Training
from ktrdr.training import trainer
from ktrdr.training.dataset import Dataset, Samples, Scaler
from ktrdr.training.descent import Adam
from ktrdr.training.table import Table

ROWS = 500
torch.set_num_threads(1)  # as a training sets it: two would wait for each other


def samples(seed: int, features: int, rows: int = ROWS) -> Samples:
    dice = torch.Generator().manual_seed(seed)
    inputs = torch.randn((rows, features), generator=dice)
    labels = torch.randint(0, 3, (rows,), generator=dice)
    return Samples(Table.of(inputs.tolist(), features), array("b", labels.tolist()))


def by_autograd(network: Any, data: Dataset, settings: Training) -> list[tuple[float, float]]:
    """Train with torch's own means; return loss and accuracy of each epoch."""
    dice = torch.Generator().manual_seed(settings.seed)
    inputs = torch.tensor(list(data.training.rows), dtype=torch.float32)
    labels = torch.tensor(data.training.labels, dtype=torch.int64)
    counts = torch.bincount(labels, minlength=3).float()
    weigh = nn.CrossEntropyLoss(weight=len(labels) / counts / 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    found = []
    for _ in range(settings.epochs):
        network.train()
        total, right = 0.0, 0
        for chosen in torch.randperm(len(labels), generator=dice).split(settings.batch_size):
            logits = network(inputs[chosen])
            loss = weigh(logits, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
            right += int((logits.argmax(1) == labels[chosen]).sum().item())
        found.append((total / len(labels), right / len(labels)))
    return found


@pytest.mark.parametrize(
    ("hidden", "dropout", "activation", "batch_size", "rate"),
    [
        ([32, 16], 0.1, "relu", 64, 0.001),
        ([24], 0.0, "tanh", 128, 0.002),
        ([64, 64, 7, 5], 0.35, "gelu", 17, 0.01),
        ([300], 0.9, "relu", ROWS, 1.0),
        ([3, 2], 0.2, "tanh", 499, 1e-6),
    ],
)
def test_a_training_is_that_of_torchs_own_means(
    hidden: list[int], dropout: float, activation: str, batch_size: int, rate: float
) -> None:
    data = Dataset(["x"] * 11, Scaler([0.0] * 11, [1.0] * 11), *(samples(seed, 11) for seed in (1, 2, 3)))
    settings = Training(
        epochs=2, patience=2, batch_size=batch_size, learning_rate=rate, seed=7, labels=Labels(type="zigzag")
    )
    networks = []
    for _ in range(2):
        torch.manual_seed(settings.seed)
        networks.append((build_mlp(11, hidden, dropout, activation), torch.get_rng_state()))
    (ours, state), (theirs, _) = networks
    torch.set_rng_state(state)
    expected = by_autograd(theirs, data, settings)
    weights: list[Any] = []

    def keep(_epoch: int, _history: trainer.History) -> None:
        weights[:] = [value.clone() for value in ours.state_dict().values()]

    torch.set_rng_state(state)
    history = trainer.train(ours, data, settings, device="cpu", on_epoch=keep, check=lambda: None)
    assert list(zip(history.train_loss, history.train_accuracy, strict=True)) == expected
    assert all(map(torch.equal, weights, theirs.state_dict().values()))


@pytest.mark.parametrize("rate", [1e-6, 0.001, 0.3, 1.0])
@pytest.mark.parametrize("size", [1, 7, 35, 129, 1003])
def test_step_by_step_ours_and_torchs_own_are_the_same_whatever_the_gradients(rate: float, size: int) -> None:
    dice = torch.Generator().manual_seed(3)
    weights = torch.randn(size, generator=dice)
    theirs = nn.Parameter(weights.clone())
    gradients = torch.zeros(size)
    ours, optimizer = Adam(weights, gradients, rate), torch.optim.Adam([theirs], lr=rate)
    for scale in (1.0, 1e-20, 0.0, 1e8, -1.0, 1e-3) * 20:
        gradients.copy_(torch.randn(size, generator=dice) * scale)
        theirs.grad = gradients.clone()
        ours.step()
        optimizer.step()
        assert torch.equal(weights, theirs.detach())
