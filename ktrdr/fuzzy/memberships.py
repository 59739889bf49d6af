"""The fuzzy membership functions: their catalogue, their parameters, and the degree (0 to 1) that they return.

For a value x: triangular and trapezoidal rise in a straight line from left to the (first) top and fall to the right;
where two corners meet, the slope is a step and the top wins, so (0, 0, 20, 40) is 1 at 0. gaussian is
exp(-((x - center) / sigma)^2 / 2), sigmoid 1 / (1 + exp(-slope (x - center))).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True)
class MembershipFunction:
    """A kind of membership: the names of its parameters and a description of its shape."""

    type: str
    parameters: tuple[str, ...]
    description: str

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        return {**asdict(self), "parameter_count": len(self.parameters)}


CATALOGUE: Final = {
    kind.type: kind
    for kind in (
        MembershipFunction("triangular", ("left", "peak", "right"), "Rises to 1 at the peak, falls to 0 at the right."),
        MembershipFunction("trapezoidal", ("left", "top_left", "top_right", "right"), "A triangle with a flat top."),
        MembershipFunction("gaussian", ("center", "sigma"), "A bell around the centre."),
        MembershipFunction("sigmoid", ("center", "slope"), "An S through 0.5 at the centre; a negative slope falls."),
    )
}

BY_COUNT: Final = {3: "triangular", 4: "trapezoidal"}
"""The kind that a plain list of numbers stands for, by its length."""

LARGEST: Final = 1e15
"""The largest parameter, positive or negative: far beyond any indicator, and differences stay finite."""


def problem(kind: str, parameters: Sequence[float]) -> str | None:
    """Return the mistake in the parameters of a kind in the catalogue, or None."""
    names = CATALOGUE[kind].parameters
    if len(parameters) != len(names):
        return f"{kind} takes {len(names)} numbers ({', '.join(names)}), found {len(parameters)}"
    if not all(abs(value) <= LARGEST for value in parameters):
        return f"every parameter must be a number from {-LARGEST:g} to {LARGEST:g}"
    if kind in BY_COUNT.values() and (list(parameters) != sorted(parameters) or parameters[0] == parameters[-1]):
        return f"the parameters of {kind} ascend ({', '.join(names)})"
    if kind == "gaussian" and parameters[1] <= 0:
        return "sigma must be above zero"
    if kind == "sigmoid" and parameters[1] == 0:
        return "slope must not be zero"
    return None


def degrees(kind: str, parameters: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the degree of each value; ValueError if `problem` finds a mistake. NaN gives NaN."""
    if objection := problem(kind, parameters):
        raise ValueError(objection)
    if kind == "gaussian":
        center, sigma = parameters
        # A power would raise an error where the product becomes infinite.
        return [math.exp(-0.5 * (far := (value - center) / sigma) * far) for value in values]
    if kind == "sigmoid":
        center, half = parameters[0], 0.5 * parameters[1]
        return [0.5 * (1 + math.tanh(half * (value - center))) for value in values]
    left, top_left, top_right, right = parameters if kind == "trapezoidal" else (*parameters[:2], *parameters[1:])
    return [
        1.0
        if top_left <= value <= top_right
        else 0.0
        if value <= left or value >= right
        else (value - left) / (top_left - left)
        if value < top_left
        else (right - value) / (right - top_right)
        if value > top_right
        else value  # NaN
        for value in values
    ]
