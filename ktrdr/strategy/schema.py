"""A strategy as values: what `strategy.checks` makes of a YAML document of version 3."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Issue:
    """Something about a strategy document: `details` holds the key and, where there is one, the mend."""

    severity: Severity
    category: str
    message: str
    details: dict[str, Any]


@dataclass(frozen=True)
class IndicatorUse:
    """An indicator with its parameters filled in."""

    type: str
    parameters: dict[str, float]


@dataclass(frozen=True)
class MembershipUse:
    """A membership function with its parameters."""

    type: str
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class FuzzySet:
    """Named memberships of one indicator output; `price_ratio` turns a price into its distance from the close."""

    indicator: str
    output: str
    input_transform: Literal["none", "price_ratio"]
    memberships: dict[str, MembershipUse]


@dataclass(frozen=True)
class NetworkInput:
    """A fuzzy set (all its memberships) or a raw indicator output, on some timeframes (none means all)."""

    fuzzy_set: str | None
    indicator: str | None
    output: str | None
    timeframes: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """The network between inputs and the three decisions."""

    type: Literal["mlp"]
    hidden_layers: tuple[int, ...]
    dropout: float
    activation: Literal["relu", "tanh", "gelu"]


@dataclass(frozen=True)
class Labels:
    """How a bar's right decision is found: `threshold` is a relative move, `horizon` is in bars."""

    type: Literal["zigzag", "forward_return"]
    threshold: float
    horizon: int


@dataclass(frozen=True)
class Training:
    """How the network is trained; `patience` is epochs without a better validation loss."""

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int
    labels: Labels


@dataclass(frozen=True)
class Strategy:
    """A checked strategy."""

    name: str
    description: str
    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    history_required: int
    indicators: dict[str, IndicatorUse]
    fuzzy_sets: dict[str, FuzzySet]
    nn_inputs: tuple[NetworkInput, ...]
    model: Model
    confidence_threshold: float
    training: Training
