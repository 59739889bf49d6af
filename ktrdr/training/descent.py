"""Steps of gradient descent for the perceptron, batch by batch.

Why not autograd and torch.optim: for a batch of 64 rows nearly all time goes into calling torch, not into its
arithmetic. Autograd's graph, its engine and six tensors of parameters take three times the calls that the same
operations take here, and torch's first optimizer imports its compiler and sympy, 805 modules of 80 MB. The operations
are those that autograd and torch.optim.Adam perform, in their order: on one machine the weights are the same to the
bit, which the tests compare (with one row, or one neuron, the last digit may differ).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import torch  # type: ignore[import-not-found,unused-ignore]  # torch is installed where one computes
from torch import nn  # type: ignore[import-not-found,unused-ignore]

MEAN_DECAY: Final = 0.9
SQUARE_DECAY: Final = 0.999
SMALLEST: Final = 1e-8

_ATEN: Final = torch.ops.aten
_NO_LABEL: Final = -100
_MEAN: Final = 1
Slope = Callable[[Any, Any, Any], Any]
"""From an output's gradient, the input and the output of an activation to the input's gradient."""


class Adam:
    """The Adam method (Kingma and Ba, 2015, algorithm 1) with its authors' constants, on one tensor of weights."""

    def __init__(self, weights: Any, gradients: Any, rate: float) -> None:
        self._weights, self._gradients, self._rate = weights, gradients, rate
        self._mean, self._square, self._spread = (torch.zeros_like(weights) for _ in range(3))
        self.steps = 0

    @property
    def moments(self) -> list[Any]:
        """The moving averages of gradients and of their squares."""
        return [self._mean, self._square]

    def step(self) -> None:
        """Move the weights against the gradients."""
        self.steps += 1
        size = self._rate / (1 - MEAN_DECAY**self.steps)
        correction = (1 - SQUARE_DECAY**self.steps) ** 0.5
        self._mean.lerp_(self._gradients, 1 - MEAN_DECAY)
        self._square.mul_(SQUARE_DECAY).addcmul_(self._gradients, self._gradients, value=1 - SQUARE_DECAY)
        torch.sqrt(self._square, out=self._spread).div_(correction).add_(SMALLEST)
        self._weights.addcdiv_(self._mean, self._spread, value=-size)


@dataclass(frozen=True, slots=True)
class _Layer:
    """A linear layer, the gradients of its parameters, and the share of its inputs that dropout keeps."""

    weight: Any
    turned: Any
    bias: Any
    weight_gradient: Any
    bias_gradient: Any
    kept: float


class Descent:
    """Trains a network of `build_mlp` in place. Not thread-safe."""

    def __init__(self, network: Any, class_weights: Any, rate: float) -> None:
        linear = [module for module in network if isinstance(module, nn.Linear)]
        kept = [1.0, *(1 - module.p for module in network if isinstance(module, nn.Dropout))]
        self._activate, self._slope = _activation(network)
        self._class_weights = class_weights
        self._one = torch.ones_like(class_weights[0])
        weights = torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
        gradients = torch.zeros_like(weights)
        self._layers = []
        place = 0
        for module, share in zip(linear, kept, strict=True):
            views = []
            for parameter in (module.weight, module.bias):
                part = slice(place, place + parameter.numel())
                place = part.stop
                parameter.data = weights[part].view(parameter.shape)
                views += [parameter.data, gradients[part].view(parameter.shape)]
            weight, weight_gradient, bias, bias_gradient = views
            self._layers.append(_Layer(weight, weight.t(), bias, weight_gradient, bias_gradient, share))
        self.optimizer = Adam(weights, gradients, rate)

    def step(self, inputs: Any, labels: Any, logits: Any) -> Any:
        """Learn from one batch: fill `logits` (rows, 3), move the weights, return the loss before that (a tensor).

        `inputs` is (rows, features); call it within `torch.inference_mode()`.
        """
        trail, values = [], inputs
        for layer, above in pairwise(self._layers):
            raw = torch.addmm(layer.bias, values, layer.turned)
            active = self._activate(raw)
            noise = torch.empty_like(active).bernoulli_(above.kept).div_(above.kept) if above.kept < 1 else None
            trail.append((layer, values, raw, active, noise))
            values = active if noise is None else active * noise
        last = self._layers[-1]
        torch.addmm(last.bias, values, last.turned, out=logits)
        chances = _ATEN._log_softmax.default(logits, 1, False)  # noqa: SLF001  an operation's name, not a secret
        loss, weight = _ATEN.nll_loss_forward.default(chances, labels, self._class_weights, _MEAN, _NO_LABEL)
        back = _ATEN.nll_loss_backward.default(
            self._one, chances, labels, self._class_weights, _MEAN, _NO_LABEL, weight
        )
        back = _ATEN._log_softmax_backward_data.default(back, chances, 1, torch.float32)  # noqa: SLF001
        _note(last, back, values)
        above = last
        for layer, values, raw, active, noise in reversed(trail):
            back = torch.mm(back, above.weight)
            back = self._slope(back if noise is None else back * noise, raw, active)
            _note(layer, back, values)
            above = layer
        self.optimizer.step()
        return loss


def _note(layer: _Layer, back: Any, values: Any) -> None:
    """Keep the gradients of a layer's parameters, from those of its outputs and from its inputs."""
    torch.mm(back.t(), values, out=layer.weight_gradient)
    torch.sum(back, 0, out=layer.bias_gradient)


def _activation(network: Any) -> tuple[Callable[[Any], Any], Slope]:
    """Return the activation of a network's hidden layers, and its derivative."""
    kinds: dict[type, tuple[Callable[[Any], Any], Slope]] = {
        nn.ReLU: (torch.relu, lambda back, _, active: _ATEN.threshold_backward.default(back, active, 0)),
        nn.Tanh: (torch.tanh, lambda back, _, active: _ATEN.tanh_backward.default(back, active)),
        nn.GELU: (nn.functional.gelu, lambda back, raw, _: _ATEN.gelu_backward.default(back, raw)),
    }
    return kinds[type(network[1])]
