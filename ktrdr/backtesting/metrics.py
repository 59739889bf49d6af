"""The figures of a backtest. Torch-free.

Returns are simple, from bar to bar; years are of 365.25 days, and the bars of a year (periods_per_year) are as many as
the curve had on average. sharpe_ratio is the returns' mean over their sample standard deviation, sortino_ratio over the
root mean square of the losses among them, both with a riskless rate of zero, times the root of the bars in a year.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from ktrdr.backtesting.positions import Trade
from ktrdr.stopping import asking

YEAR_S: Final = 365.25 * 86400
SHORTEST_YEARS: Final = 7 / 365.25
ROUNDING: Final = 1e-12
LARGEST_EXPONENT: Final = 600.0
"""Keeps a meaningless figure within the range of a JSON number."""


def performance(
    equity: Sequence[float], times: Sequence[int], trades: Sequence[Trade], initial_capital: float
) -> dict[str, Any]:
    """Return the figures of an equity curve (one value a bar) and its trades.

    Returns, volatility and drawdown are in percent: annualized_return_pct and volatility_pct are other names of
    annualized_return and volatility. win_rate is a share (0 to 1) of the trades, a trade without profit is a losing
    one; money is in the quote currency. Undefined figures are None: a ratio or factor of gains without any risk or
    loss, annualized_return within less than a week. A flat curve has ratios of 0; after a total loss the annualized
    return is -100 %.
    """
    years = (times[-1] - times[0]) / YEAR_S if len(times) > 1 else 0.0
    growth = equity[-1] / initial_capital if equity else 1.0
    changes = array("d", (after / before - 1 for before, after in pairwise(asking(equity)) if before > 0))
    bars_a_year = len(changes) / years if years else 0.0
    wins = [trade.profit for trade in trades if trade.profit > 0]
    losses = [trade.profit for trade in trades if trade.profit <= 0]
    lost = -math.fsum(losses)
    annualized = _annualized(growth, years)
    volatility = _finite(100 * _deviation(changes) * math.sqrt(bars_a_year))
    return {
        "total_return_pct": 100 * (growth - 1),
        "annualized_return": annualized,
        "annualized_return_pct": annualized,
        "volatility": volatility,
        "volatility_pct": volatility,
        "sharpe_ratio": _ratio(changes, _deviation(changes), bars_a_year),
        "sortino_ratio": _ratio(changes, _downside(changes), bars_a_year),
        "periods_per_year": bars_a_year,
        "max_drawdown_pct": 100 * max(drawdowns(equity), default=0.0),
        "win_rate": len(wins) / len(trades) if trades else 0.0,
        "profit_factor": _finite(math.fsum(wins) / lost) if lost else None,
        "total_trades": len(trades),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "total_commission": math.fsum(trade.commission for trade in trades),
        "total_slippage": math.fsum(trade.slippage for trade in trades),
        "average_trade_pct": math.fsum(trade.return_pct for trade in trades) / len(trades) if trades else 0.0,
        "final_equity": equity[-1] if equity else initial_capital,
    }


def _annualized(growth: float, years: float) -> float | None:
    if years < SHORTEST_YEARS or growth <= 0:
        return None if growth > 0 else -100.0
    return 100 * math.expm1(min(math.log(growth) / years, LARGEST_EXPONENT))


def _deviation(values: Sequence[float]) -> float:
    if len(values) < 2:  # noqa: PLR2004  a sample's deviation needs two values
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.dist(values, [mean] * len(values)) / math.sqrt(len(values) - 1)


def _downside(values: Sequence[float]) -> float:
    return math.hypot(*(value for value in asking(values) if value < 0)) / math.sqrt(len(values)) if values else 0.0


def _ratio(changes: Sequence[float], risk: float, bars_a_year: float) -> float | None:
    if not any(changes):
        return 0.0
    mean = math.fsum(changes) / len(changes)
    # The deviation of equal changes is a rounding error: a ratio over it means nothing.
    return _finite(mean / risk * math.sqrt(bars_a_year)) if risk > ROUNDING * abs(mean) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def drawdowns(equity: Sequence[float]) -> "array[float]":
    """Return by how much, as a share, the equity lies below its highest value so far; 0 before it is above zero."""
    peak, found = 0.0, array("d")
    for value in asking(equity):
        peak = max(peak, value)
        found.append((peak - value) / peak if peak > 0 else 0.0)
    return found
