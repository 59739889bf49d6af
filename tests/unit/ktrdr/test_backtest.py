"""The walk: fills at the next open, costs, figures that follow from the fills."""

import math

import pytest

from ktrdr.backtesting.metrics import drawdowns, performance
from ktrdr.backtesting.positions import Account
from ktrdr.backtesting.walk import Costs, walk
from ktrdr.data.bars import Bar, Bars
from ktrdr.signals import Signal
from ktrdr.stopping import BLOCK, may_stop

FREE = Costs(1000.0, 0.0, 0.0)
DEAR = Costs(1000.0, 0.01, 0.02)


def bars_of(*prices: tuple[float, float]) -> Bars:
    bars = Bars()
    for hour, (open_, close) in enumerate(prices):
        bars.append(Bar(3600 * hour, open_, max(open_, close), min(open_, close), close, 1.0))
    return bars


def signals(*wanted: Signal) -> dict[int, Signal]:
    return dict(enumerate(wanted))


def test_a_decision_is_filled_at_the_next_bars_open() -> None:
    bars = bars_of((10, 11), (20, 21), (30, 31), (40, 41))
    told = signals(Signal.BUY, Signal.HOLD, Signal.SELL, Signal.HOLD)
    result = walk(bars, told.__getitem__, FREE).summary()
    first, second = result["trades"]
    assert (first["entry_price"], first["exit_price"], first["direction"]) == (20, 40, "long")
    assert (second["entry_price"], second["exit_price"], second["direction"]) == (40, 41, "short")
    assert result["metrics"]["final_equity"] == pytest.approx(2000 * (1 - 1 / 40))


def test_a_decision_at_the_last_bar_is_never_filled() -> None:
    told = signals(Signal.HOLD, Signal.BUY)
    assert walk(bars_of((1, 1), (1, 1)), told.__getitem__, FREE).summary()["trade_count"] == 0


def test_costs_are_paid_on_both_ways() -> None:
    bars = bars_of((100, 100), (100, 100))
    told = signals(Signal.BUY, Signal.HOLD)
    final = walk(bars, told.__getitem__, DEAR).summary()["metrics"]["final_equity"]
    units = 1000 / (102 * 1.01)
    assert final == pytest.approx(units * 98 * 0.99)


def test_a_short_position_earns_when_prices_fall() -> None:
    account = Account(1000.0, 0.0, 0.0)
    account.turn(-1, 0, 100.0)
    trade = account.turn(0, 1, 90.0)
    assert trade is not None
    assert trade.profit == pytest.approx(100)
    assert account.cash == pytest.approx(1100)


def test_no_bars_make_no_trades_and_no_loss() -> None:
    result = walk(Bars(), lambda _: Signal.BUY, FREE).summary()
    assert (result["trade_count"], result["equity_curve"], result["metrics"]["total_return_pct"]) == (0, [], 0.0)


def test_the_figures_follow_from_curve_and_trades() -> None:
    figures = performance([1000, 1100, 990, 1210], [0, 3600, 7200, 10800], [], 1000)
    assert figures["total_return_pct"] == pytest.approx(21)
    assert figures["max_drawdown_pct"] == pytest.approx(10)
    assert figures["sharpe_ratio"] > 0
    assert all(math.isfinite(value) for value in figures.values() if value is not None)


def test_one_asks_within_a_long_result_whether_to_stop() -> None:
    count = 2 * BLOCK
    bars = Bars(list(range(0, 60 * count, 60)), *([1.0] * count for _ in range(5)))
    walked = walk(bars, lambda _: Signal.HOLD, Costs(100.0, 0.0, 0.0))
    asked: list[bool] = []

    def stop() -> None:
        asked.append(True)
        if len(asked) > 1:
            raise InterruptedError

    for deed in (lambda: list(walked.records()[1]), walked.summary, lambda: drawdowns(walked.equity)):
        asked.clear()
        with pytest.raises(InterruptedError), may_stop(stop):
            deed()
        assert len(asked) == 2


def test_the_curve_is_thinned_but_keeps_its_ends(year: Bars) -> None:
    curve = walk(year, lambda _: Signal.HOLD, FREE).summary()["equity_curve"]
    assert len(curve) <= 1000
    assert curve[-1]["timestamp"] == "2023-12-31T23:00:00Z"
    assert (curve[0]["close"], curve[-1]["close"]) == (year.closes[0], year.closes[-1])


def test_the_thinned_curve_leaves_no_drawdown_out(year: Bars) -> None:
    result = walk(year, lambda place: Signal.BUY if place % 200 else Signal.SELL, FREE).summary()
    deepest = max(point["drawdown_pct"] for point in result["equity_curve"])
    assert deepest == result["metrics"]["max_drawdown_pct"] > 0
    assert result["equity_curve"][0]["drawdown_pct"] == 0
