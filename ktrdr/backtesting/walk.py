"""The walk over the bars: decide at a bar's close, fill at the next bar's open. Torch-free."""

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ktrdr.backtesting.metrics import drawdowns, performance
from ktrdr.backtesting.positions import Account, Trade
from ktrdr.data.bars import Bars, iso
from ktrdr.data.block import isos
from ktrdr.errors import BadRequestError
from ktrdr.records import Packed
from ktrdr.signals import Signal
from ktrdr.stopping import asking, blocks

CURVE_POINTS: Final = 1000
TRADES_KEPT: Final = 500
DIRECTION: Final[dict[int, int]] = {Signal.BUY: 1, Signal.SELL: -1}


@dataclass(frozen=True)
class Costs:
    """What a backtest starts with (quote currency) and pays (shares of the traded value)."""

    initial_capital: float
    commission: float
    slippage: float


@dataclass(frozen=True)
class Walked:
    """What a walk has brought: when each bar opens (epoch seconds), its close, the equity then, and the trades."""

    times: Sequence[int]
    closes: Sequence[float]
    equity: Sequence[float]
    trades: Sequence[Trade]
    initial_capital: float

    def summary(self) -> dict[str, Any]:
        """Return trade_count, trades (the first 500), equity_curve (at most 1,000 points) and metrics."""
        return {
            "trade_count": len(self.trades),
            "trades": [trade.as_json() for trade in self.trades[:TRADES_KEPT]],
            "equity_curve": _thin(self),
            "metrics": performance(self.equity, self.times, self.trades, self.initial_capital),
        }

    def records(self) -> list[Packed]:
        """Return all trades, and the equity at every bar."""
        return [
            Packed("trades", lambda: (trade.as_row() for trade in asking(self.trades))),
            Packed("equity", self._curve),
        ]

    def _curve(self) -> Iterator[str]:
        """Yield the lines of the equity."""
        for times, equity in zip(blocks(self.times), blocks(self.equity), strict=True):
            yield from map(",".join, zip(isos(times), map(repr, equity), strict=True))


def walk(
    bars: Bars, decide: Callable[[int], int], costs: Costs, *, check: Callable[[int], None] = lambda _: None
) -> Walked:
    """Walk the bars and return the equity at each, and the trades.

    `decide` gets a bar's position once that bar has closed, and returns a Signal or its number. BUY turns long, SELL
    turns short, HOLD keeps the position; a position open at the end is closed at the last close. If the equity is zero
    or less at a close (a short whose price doubled), the position is closed at the next open. `check` is called at each
    bar and may raise.
    BadRequestError if the equity leaves the range of numbers.
    """
    account = Account(costs.initial_capital, costs.commission, costs.slippage)
    trades: list[Trade] = []
    equity = array("d")
    held = wanted = 0
    for position, (time, opening, close) in enumerate(zip(bars.times, bars.opens, bars.closes, strict=True)):
        check(position)
        if wanted != held:
            _note(trades, account.turn(wanted, time, opening))
            held = account.direction
        value = account.equity(close)
        equity.append(value)
        if not math.isfinite(value):
            raise BadRequestError("bad_data", f"The equity is not a number at {iso(time)}: check that bar's prices.")
        wanted = DIRECTION.get(decide(position), held) if value > 0 else 0
    if account.units:
        _note(trades, account.turn(0, bars.times[-1], bars.closes[-1]))
        equity[-1] = account.cash
    return Walked(bars.times, bars.closes, equity, trades, costs.initial_capital)


def _note(trades: list[Trade], trade: Trade | None) -> None:
    if trade is not None:
        trades.append(trade)


def _thin(walked: Walked) -> list[dict[str, Any]]:
    """Return bars at equal steps, with the deepest drawdown (percent) since the one before: none is left out."""
    times, below = walked.times, drawdowns(walked.equity)
    step = max(1, -(-len(times) // (CURVE_POINTS - 1)))
    kept = sorted({*range(0, len(times), step), len(times) - 1} - {-1})
    return [
        {
            "timestamp": iso(times[place]),
            "equity": walked.equity[place],
            "close": walked.closes[place],
            "drawdown_pct": 100 * max(below[before + 1 : place + 1]),
        }
        for before, place in pairwise([-1, *kept])
    ]
