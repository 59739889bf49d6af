"""A backtest's figures against NumPy and an independent reckoning, for any bars, decisions and costs."""

import json
import math
import random
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.backtesting.metrics import YEAR_S, performance
from ktrdr.backtesting.positions import Trade
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bar, Bars
from ktrdr.errors import BadRequestError
from ktrdr.signals import Signal

HOUR: Final = 3600
WEEKS: Final = 24 * 30


def bars_of(*prices: tuple[float, float]) -> Bars:
    bars = Bars()
    for hour, (open_, close) in enumerate(prices):
        bars.append(Bar(HOUR * hour, open_, max(open_, close), min(open_, close), close, 1.0))
    return bars


def curve(seed: int, count: int = WEEKS) -> list[float]:
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    equity = [100_000.0]
    for _ in range(count - 1):
        equity.append(equity[-1] * (1 + dice.gauss(0.0001, 0.004)))
    return equity


def trade(profit: float) -> Trade:
    return Trade(1, 0, HOUR, 1.0, 1.0, 1.0, 0.0, 0.0, profit, profit / 10)


@pytest.mark.parametrize("seed", range(10))
def test_the_figures_of_a_curve_agree_with_numpy(seed: int) -> None:
    equity = np.array(curve(seed))
    times = [HOUR * hour for hour in range(len(equity))]
    found = performance(equity.tolist(), times, [], 100_000.0)
    changes = equity[1:] / equity[:-1] - 1
    years = (times[-1] - times[0]) / YEAR_S
    root = math.sqrt(len(changes) / years)
    downside = math.sqrt(np.mean(np.minimum(changes, 0) ** 2))
    peaks = np.maximum.accumulate(equity)
    expected = {
        "total_return_pct": 100 * (equity[-1] / equity[0] - 1),
        "annualized_return": 100 * ((equity[-1] / equity[0]) ** (1 / years) - 1),
        "volatility": 100 * changes.std(ddof=1) * root,
        "sharpe_ratio": changes.mean() / changes.std(ddof=1) * root,
        "periods_per_year": root**2,
        "sortino_ratio": changes.mean() / downside * root,
        "max_drawdown_pct": 100 * np.max(1 - equity / peaks),
        "final_equity": equity[-1],
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_a_short_curve_has_the_sharpe_ratio_of_a_sample() -> None:
    found = performance([100.0, 110.0, 110.0], [0, HOUR, 2 * HOUR], [], 100.0)
    hours = YEAR_S / HOUR
    assert found["periods_per_year"] == pytest.approx(hours)
    assert found["volatility"] == pytest.approx(100 * 0.1 / math.sqrt(2) * math.sqrt(hours))
    assert found["sharpe_ratio"] == pytest.approx(0.05 / (0.1 / math.sqrt(2)) * math.sqrt(hours))
    assert performance([100.0, 110.0], [0, HOUR], [], 100.0)["sharpe_ratio"] is None


def test_the_figures_of_trades_agree_with_hand_calculation() -> None:
    found = performance([1000, 1100], [0, HOUR], [trade(100), trade(-25), trade(50), trade(0), trade(-25)], 1000)
    assert (found["win_rate"], found["profit_factor"]) == (0.4, 3.0)
    assert (found["total_trades"], found["winning_trades"], found["losing_trades"]) == (5, 2, 3)
    assert found["average_trade_pct"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        ([], {"total_return_pct": 0, "sharpe_ratio": 0, "annualized_return": None, "profit_factor": None}),
        ([1000.0], {"total_return_pct": 0, "sharpe_ratio": 0, "max_drawdown_pct": 0, "annualized_return": None}),
        ([1000.0] * WEEKS, {"sharpe_ratio": 0, "sortino_ratio": 0, "volatility": 0, "annualized_return": 0}),
        ([1000.0 * 1.5**bar for bar in range(500)], {"sharpe_ratio": None, "sortino_ratio": None}),
        ([1000.0, 2000.0] * WEEKS, {"max_drawdown_pct": 50}),
        ([1000.0, *[0.0] * WEEKS], {"total_return_pct": -100, "annualized_return": -100, "max_drawdown_pct": 100}),
        ([1000.0, *[-500.0] * WEEKS], {"total_return_pct": -150, "annualized_return": -100, "max_drawdown_pct": 150}),
        ([1000.0, 1e-300, 1000.0] * WEEKS, {"total_return_pct": 0}),
        ([1e12, *[1e300] * WEEKS], {"sortino_ratio": None}),
    ],
)  # fmt: skip
def test_what_has_no_figure_is_null_and_never_nan(equity: list[float], expected: dict[str, Any]) -> None:
    found = performance(equity, [HOUR * bar for bar in range(len(equity))], [], equity[0] if equity else 1000.0)
    assert json.loads(json.dumps(found, allow_nan=False)).keys() == found.keys()
    assert {name: found[name] for name in expected} == pytest.approx(expected)


PRICES = st.floats(0.5, 2.0)
SHARES = st.floats(0, 0.05)
DECISIONS = st.lists(st.sampled_from(Signal), max_size=80)


def reckoned(bars: Bars, decisions: list[Signal], costs: Costs) -> tuple[float, float, float]:
    """Return final equity, commission and slippage, from the fills' own rules and nothing of the walk's code."""
    cash, units, paid, slipped, held = costs.initial_capital, 0.0, 0.0, 0.0, 0
    for place, price in enumerate([*bars.opens, bars.closes[-1]]):
        order = 0
        is_ruined = place > 0 and cash + units * bars.closes[place - 1] <= 0
        if 0 < place < len(bars) and not is_ruined:
            order = {Signal.BUY: 1, Signal.SELL: -1, Signal.HOLD: held}[decisions[place - 1]]
        if order == held:
            continue
        if units:
            fill = price * (1 - costs.slippage * held)
            cash += units * fill - abs(units) * fill * costs.commission
            paid += abs(units) * fill * costs.commission
            slipped += abs(units) * abs(price - fill)
            units = 0.0
        if order and cash > 0:
            fill = price * (1 + costs.slippage * order)
            units = order * cash / (fill * (1 + costs.commission))
            paid += abs(units) * fill * costs.commission
            slipped += abs(units) * abs(price - fill)
            cash -= units * fill + abs(units) * fill * costs.commission
        held = order if units else 0
    return cash, paid, slipped


@settings(max_examples=200, deadline=None)
@given(st.data(), DECISIONS.filter(bool), SHARES, SHARES)
def test_the_return_is_the_sum_of_its_fills_and_costs(
    data: st.DataObject, decisions: list[Signal], commission: float, slippage: float
) -> None:
    prices = data.draw(st.lists(st.tuples(PRICES, PRICES), min_size=len(decisions), max_size=len(decisions)))
    bars, costs = bars_of(*prices), Costs(1000.0, commission, slippage)
    result = walk(bars, decisions.__getitem__, costs).summary()
    equity = [point["equity"] for point in result["equity_curve"]]
    trades, metrics = result["trades"], result["metrics"]
    assert json.dumps(result, allow_nan=False)
    assert equity[0] == 1000 or len(bars) == 1
    assert metrics["total_return_pct"] == pytest.approx(100 * (equity[-1] / 1000 - 1), abs=1e-9)
    gained = [
        (trade["exit_price"] - trade["entry_price"]) * trade["units"] * (1 if trade["direction"] == "long" else -1)
        for trade in trades
    ]
    assert equity[-1] - 1000 == pytest.approx(math.fsum(gained) - metrics["total_commission"], abs=1e-6)
    assert equity[-1] - 1000 == pytest.approx(math.fsum(trade["profit"] for trade in trades), abs=1e-6)
    final, paid, slipped = reckoned(bars, decisions, costs)
    assert (equity[-1], metrics["total_commission"], metrics["total_slippage"]) == pytest.approx((final, paid, slipped))


@settings(max_examples=100, deadline=None)
@given(st.data(), DECISIONS.filter(bool))
def test_costs_never_make_anybody_richer(data: st.DataObject, decisions: list[Signal]) -> None:
    harmless = st.floats(0.8, 1.5)  # no short is ruined, so that all three walk the same way
    prices = data.draw(st.lists(st.tuples(harmless, harmless), min_size=len(decisions), max_size=len(decisions)))
    free, with_commission, with_both = (
        walk(bars_of(*prices), decisions.__getitem__, Costs(1000.0, *costs)).summary()["metrics"]["final_equity"]
        for costs in ((0.0, 0.0), (0.01, 0.0), (0.01, 0.01))
    )
    assert free + 1e-9 >= with_commission >= with_both - 1e-9


def test_a_short_whose_price_more_than_doubles_is_closed_out_and_trades_no_more() -> None:
    bars = bars_of((100, 100), (100, 250), (260, 260), (100, 100), (100, 100))
    result = walk(bars, lambda _: Signal.SELL, Costs(1000.0, 0.0, 0.0)).summary()
    (only,) = result["trades"]
    assert (only["exit_price"], result["metrics"]["final_equity"]) == (260, pytest.approx(-600))
    assert [point["equity"] for point in result["equity_curve"]] == pytest.approx([1000, -500, -600, -600, -600])
    assert json.dumps(result, allow_nan=False)


def test_prices_beyond_reckoning_are_named_by_their_bar() -> None:
    bars = bars_of(*[(1e-9, 1e-9), (1e12, 1e12)] * 60)
    with pytest.raises(BadRequestError, match="is not a number at 1970-01-0"):
        walk(bars, lambda place: Signal.BUY if place % 2 else Signal.SELL, Costs(1e12, 0.0, 0.0))
