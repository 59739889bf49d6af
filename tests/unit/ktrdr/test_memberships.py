"""Fuzzy memberships: the formulas, the shoulders, and laws that hold for any parameters."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.fuzzy.memberships import CATALOGUE, LARGEST, degrees, problem

NUMBERS = st.floats(-LARGEST, LARGEST)
ANY_NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SHAPES = {
    "triangular": st.lists(NUMBERS, min_size=3, max_size=3).map(sorted),
    "trapezoidal": st.lists(NUMBERS, min_size=4, max_size=4).map(sorted),
    "gaussian": st.tuples(NUMBERS, st.floats(min_value=0, max_value=LARGEST, exclude_min=True)),
    "sigmoid": st.tuples(NUMBERS, NUMBERS.filter(bool)),
}


def membership(kind: str, parameters: Sequence[float]) -> Callable[[float], float]:
    return lambda value: degrees(kind, parameters, [value])[0]


@st.composite
def shapes(draw: Any) -> tuple[str, tuple[float, ...]]:
    kind = draw(st.sampled_from(sorted(SHAPES)))
    parameters = draw(SHAPES[kind].map(tuple).filter(lambda found: problem(kind, found) is None))
    return kind, parameters


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("triangular", (0, 1, 3), {-1: 0, 0: 0, 0.5: 0.5, 1: 1, 2: 0.5, 3: 0}),
        ("triangular", (0, 0, 2), {-1: 0, 0: 1, 1: 0.5, 2: 0}),
        ("triangular", (0, 2, 2), {0: 0, 1: 0.5, 2: 1, 2.1: 0}),
        ("trapezoidal", (0, 2, 4, 8), {0: 0, 1: 0.5, 2: 1, 3: 1, 4: 1, 6: 0.5, 8: 0}),
        ("trapezoidal", (0, 0, 2, 4), {-1: 0, 0: 1, 2: 1, 3: 0.5, 4: 0}),
        ("trapezoidal", (0, 2, 4, 4), {1: 0.5, 4: 1, 5: 0}),
        ("trapezoidal", (0, 0, 4, 4), {-0.1: 0, 0: 1, 4: 1, 4.1: 0}),
        ("trapezoidal", (0, 2, 2, 4), {1: 0.5, 2: 1, 3: 0.5}),
        ("gaussian", (5, 2), {5: 1, 7: math.exp(-0.5), 3: math.exp(-0.5), 9: math.exp(-2)}),
        ("sigmoid", (5, 2), {5: 0.5, 6: 1 / (1 + math.exp(-2)), 1000: 1, -1000: 0}),
        ("sigmoid", (5, -2), {5: 0.5, 6: 1 / (1 + math.exp(2)), 1000: 0, -1000: 1}),
    ],
)
def test_memberships_give_the_degree_of_their_shape(
    kind: str, parameters: tuple[float, ...], expected: dict[float, float]
) -> None:
    function = membership(kind, parameters)
    assert {value: pytest.approx(function(value)) for value in expected} == expected


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("triangular", (0, 1)), ("triangular", (3, 1, 2)), ("trapezoidal", (1, 1, 1, 1)), ("gaussian", (0, 0)),
     ("gaussian", (0, -1)), ("sigmoid", (0, 0)), ("gaussian", (0, math.inf)), ("triangular", (0, math.nan, 1)),
     ("triangular", (-1e308, 0, 1e308))],
)  # fmt: skip
def test_memberships_refuse_parameters_that_make_no_shape(kind: str, parameters: tuple[float, ...]) -> None:
    assert problem(kind, parameters)
    with pytest.raises(ValueError, match=r"\w"):
        degrees(kind, parameters, [])


@given(shapes(), ANY_NUMBER)
def test_a_degree_is_a_number_from_0_to_1_whatever_the_value(shape: tuple[str, tuple[float, ...]], x: float) -> None:
    assert 0 <= membership(*shape)(x) <= 1


@pytest.mark.parametrize("kind", CATALOGUE)
def test_what_is_not_known_has_no_degree(kind: str) -> None:
    parameters = {"triangular": (0, 1, 2), "trapezoidal": (0, 1, 2, 3)}.get(kind, (0, 1))
    assert math.isnan(membership(kind, parameters)(math.nan))


@given(shapes(), st.lists(NUMBERS, min_size=2, max_size=20))
def test_degrees_rise_to_the_top_and_fall_behind_it(shape: tuple[str, tuple[float, ...]], values: list[float]) -> None:
    kind, parameters = shape
    function = membership(kind, parameters)
    top = {"sigmoid": math.copysign(math.inf, parameters[1]), "gaussian": parameters[0]}.get(kind, parameters[1])
    for lower, upper in itertools.pairwise(sorted(values)):
        if upper <= top:
            assert function(lower) <= function(upper)
        if lower >= top:
            assert function(lower) >= function(upper)


@given(shapes().filter(lambda shape: shape[0] != "sigmoid"))
def test_the_top_is_1(shape: tuple[str, tuple[float, ...]]) -> None:
    kind, parameters = shape
    assert membership(kind, parameters)(parameters[0 if kind == "gaussian" else 1]) == 1


@given(st.floats(-100, 100), st.floats(0.01, 100), st.floats(-100, 100))
def test_a_gaussian_is_even_and_a_sigmoid_is_odd_around_the_centre(center: float, by: float, distance: float) -> None:
    bell, step = membership("gaussian", (center, by)), membership("sigmoid", (center, by))
    assert bell(center + distance) == pytest.approx(bell(center - distance))
    assert step(center + distance) + step(center - distance) == pytest.approx(1)
