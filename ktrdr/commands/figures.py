"""The figures of trainings and backtests as people read them: names with units, accuracy beside majority share."""

from collections.abc import Mapping
from typing import Any, Final

from ktrdr.commands.tables import text

PERCENT: Final = " %"
SHARE: Final = "share"
PLAIN: Final = ""
BARS: Final = " bars a year"
BACKTEST: Final = (
    ("total_return_pct", "return", PERCENT),
    ("annualized_return", "return a year", PERCENT),
    ("volatility", "volatility a year", PERCENT),
    ("max_drawdown_pct", "largest drawdown", PERCENT),
    ("sharpe_ratio", "Sharpe ratio a year", PLAIN),
    ("sortino_ratio", "Sortino ratio a year", PLAIN),
    ("periods_per_year", "annualized by", BARS),
    ("total_trades", "trades", PLAIN),
    ("win_rate", "winning trades", SHARE),
    ("average_trade_pct", "average trade", PERCENT),
    ("profit_factor", "profit factor", PLAIN),
    ("total_commission", "commission paid", PLAIN),
    ("total_slippage", "cost of slippage", PLAIN),
    ("final_equity", "equity at the end", PLAIN),
)
"""The key of a figure, its name, and its unit: percent, a share (0 to 1) that is shown in percent, or none."""

Figures = Mapping[str, Any]


def of_backtest(metrics: Figures) -> list[tuple[str, str]]:
    """Return the names and values of a backtest's metrics."""
    return [(name, _written(metrics[key], unit)) for key, name, unit in BACKTEST if key in metrics]


def of_training(training: Figures, test: Figures) -> list[tuple[str, str]]:
    """Return the names and values of a training's metrics."""
    found = [
        ("epochs (best)", f"{text(training.get('epochs_trained'))} ({text(training.get('best_epoch'))})"),
        ("validation accuracy", beside(training, "final_val_accuracy", "val_majority_share")),
        ("test accuracy", beside(test)),
        ("test F1 score", text(test.get("f1_score"))),
        ("test loss", text(test.get("test_loss"))),
        ("training time", f"{text(training.get('training_time'))} s"),
    ]
    return [(name, value) for name, value in found if "-" not in value.split()[:1]]


def beside(metrics: Figures, accuracy: str = "test_accuracy", majority: str = "majority_share") -> str:
    """Write an accuracy beside the share that always giving the most frequent answer reaches."""
    share = metrics.get(majority)
    known = f" (majority share {_written(share, SHARE)})" if share is not None else ""
    return f"{_written(metrics.get(accuracy), SHARE)}{known}"


def in_percent(share: float | None) -> str:
    """Write a share, 0 to 1, in percent."""
    return _written(share, SHARE)


def _written(value: Any, unit: str) -> str:
    if value is None:
        return "-"
    if unit == PLAIN:
        return text(round(value, 3) if isinstance(value, float) else value)
    if unit == BARS:
        return f"{value:,.1f}{BARS}"
    return f"{100 * value if unit == SHARE else value:,.2f}{PERCENT}"
