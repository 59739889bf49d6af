"""The multi-layer perceptron between features and the three decisions."""

from collections.abc import Sequence
from typing import Any, Final

from torch import nn  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes

from ktrdr.signals import Signal

ACTIVATIONS: Final[dict[str, Any]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def build_mlp(inputs: int, hidden_layers: Sequence[int], dropout: float, activation: str) -> Any:
    """Return an untrained `nn.Sequential`: (batch, inputs) to (batch, 3) logits in the order of `Signal`.

    KeyError for an activation that does not exist.
    """
    layers: list[Any] = []
    width = inputs
    for hidden in hidden_layers:
        layers += [nn.Linear(width, hidden), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        width = hidden
    layers.append(nn.Linear(width, len(Signal)))
    return nn.Sequential(*layers)


def count_parameters(network: Any) -> int:
    """Return how many parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters())
