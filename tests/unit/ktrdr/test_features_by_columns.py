"""Features by columns are those of the plain definition, to the bit: the same training, the same decisions."""

import random
from array import array
from math import inf, nan
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.data.bars import Bar, Bars
from ktrdr.fuzzy.memberships import degrees
from ktrdr.indicators.catalogue import CATALOGUE
from ktrdr.indicators.compute import compute
from ktrdr.settings import SHIPPED_STRATEGIES
from ktrdr.stopping import BLOCK, may_stop
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.training.features import feature_rows
from ktrdr.training.table import Table
from tests.support import features_by_rows

STRATEGIES: Final = StrategyDirectory(SHIPPED_STRATEGIES)
HOUR: Final = 3600


def market(seed: int, step: int, count: int) -> Bars:
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    bars, price, time = Bars(), 1.1, 0
    for _ in range(count):
        close = price * (1 + dice.choice([0.0, dice.gauss(0, 0.004)]))
        high, low = max(price, close) * (1 + 0.001 * dice.random()), min(price, close) * (1 - 0.001 * dice.random())
        bars.append(Bar(time, price, high, low, close, float(dice.randrange(1000))))
        price, time = close, time + step * dice.choice([1, 1, 1, 2])
    return bars


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STRATEGIES.names())
@pytest.mark.parametrize("finest", [HOUR, 24 * HOUR])
def test_the_rows_are_those_of_the_plain_definition(name: str, seed: int, finest: int) -> None:
    strategy = STRATEGIES.load(name)
    stored = {"1h": market(seed, HOUR, 700), "1d": market(seed + 10, 24 * HOUR, 200)}
    bars: dict[str, Bars] = {timeframe: stored[timeframe] for timeframe in strategy.training_data.timeframes}
    if finest > HOUR:
        bars = {"1d": stored["1d"]}
        inputs = [item.model_copy(update={"timeframes": []}) for item in strategy.nn_inputs]
        strategy = strategy.model_copy(update={"nn_inputs": inputs})
    rows = feature_rows(strategy, bars)[1]
    assert list(rows) == features_by_rows.feature_rows(strategy, bars)
    assert any(row is not None for row in rows)


@given(st.lists(st.floats(-5, 105) | st.sampled_from([nan, inf, -inf, 0.0, 20.0, 40.0, 60.0, 100.0])))
def test_the_degrees_are_those_of_the_plain_definition(values: list[float]) -> None:
    for kind, parameters in (
        ("triangular", (0, 0, 20)), ("triangular", (20, 40, 40)), ("trapezoidal", (0, 20, 40, 60)),
        ("trapezoidal", (0, 20, 60, 60)), ("gaussian", (50, 10)), ("sigmoid", (50, -0.7)),
    ):  # fmt: skip
        one = features_by_rows.degree_of(kind, parameters)
        assert list(map(repr, degrees(kind, parameters, values))) == [repr(one(value)) for value in values]


ROWS = st.lists(st.none() | st.lists(st.floats(0, 9), min_size=2, max_size=2), min_size=1)


@given(ROWS, ROWS, st.data())
def test_a_table_gives_back_its_rows(
    rows: list[list[float] | None], more: list[list[float] | None], data: st.DataObject
) -> None:
    table = Table.of(rows, 2)
    assert (list(table), len(table), table[-1]) == (rows, len(rows), rows[-1])
    assert table.known() == bytes(row is not None for row in rows)
    count = data.draw(st.integers(0, len(rows) + 2))
    assert table[count:] == rows[count:]
    start = data.draw(st.integers(0, len(more)))
    mask = data.draw(st.lists(st.booleans(), max_size=len(more) - start))
    table.extend(Table.of(more, 2), start, mask, lambda: None)
    rows = rows + [row for row, yes in zip(more[start:], mask, strict=False) if yes]
    assert table == rows != Table.of([[10.0, 10.0]], 2)
    table.forget(count)
    known = [None] * count + rows[count:]
    assert table == known[: len(table)] + [None] * (len(table) - len(known))


@pytest.mark.parametrize("at", [1, 2])
def test_a_table_asks_between_its_columns_whether_to_stop(at: int) -> None:
    table, asked = Table.of([[1.0, 2.0]] * 3, 2), list[bool]()

    def check() -> None:
        asked.append(True)
        if len(asked) == at:
            raise InterruptedError

    for ask in (lambda: table.known(check), lambda: Table.of([], 2).extend(table, 0, b"\1\0\1", check)):
        asked.clear()
        with pytest.raises(InterruptedError):
            ask()
        assert len(asked) == at


def test_a_row_with_one_unknown_number_is_unknown() -> None:
    assert list(Table([array("d", [1.0, 2.0]), array("d", [nan, 3.0])])) == [None, [2.0, 3.0]]


def test_one_asks_within_a_long_column_whether_to_stop() -> None:
    strategy = STRATEGIES.load("mlp_fx_hourly")
    asked = dict.fromkeys((BLOCK, 3 * BLOCK), 0)
    for count in asked:
        bars = Bars(list(range(0, HOUR * count, HOUR)), *([1.0] * count for _ in range(5)))

        def check(count: int = count) -> None:
            asked[count] += 1

        feature_rows(strategy, {"1h": bars}, check=check)
    assert asked[3 * BLOCK] - asked[BLOCK] >= 2 * 10, "ten columns of memberships, two more blocks in each"


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE if kind not in {"obv", "roc"}])
def test_an_indicator_asks_within_its_loops_whether_to_stop(kind: str) -> None:
    """Those two have one short loop: less than half a second for ten years of minutes."""

    def stop() -> None:
        raise InterruptedError

    bars = Bars(list(range(2 * BLOCK)), *([1.0] * (2 * BLOCK) for _ in range(5)))
    asked: list[bool] = []
    with may_stop(lambda: asked.append(True)):
        compute(kind, bars, {})
    assert len(asked) >= 2
    with pytest.raises(InterruptedError), may_stop(stop):
        compute(kind, bars, {})
    compute(kind, bars.between(0, 300), {})  # asks nobody any more
