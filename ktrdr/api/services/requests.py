"""What trainings and backtests check alike before they are queued."""

from collections.abc import Sequence
from typing import Any

from ktrdr.data.bars import iso, parse_range
from ktrdr.data.files import DataDirectory
from ktrdr.errors import BadRequestError, KtrdrError, NotFoundError
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.schema import Strategy


def read_range(start_date: str | None, end_date: str | None) -> tuple[int | None, int | None]:
    """Read a range as epoch seconds, end excluded; BadRequestError where it cannot be one."""
    try:
        return parse_range(start_date, end_date)
    except (ValueError, OverflowError) as error:
        raise BadRequestError("bad_range", f"start_date and end_date are ISO 8601 dates: {error}.") from None


def require_strategy(strategies: StrategyDirectory, name: str) -> Strategy:
    """Return a sound strategy; BadRequestError where it is not, or where there is none of that name."""
    try:
        return strategies.load(name)
    except NotFoundError as error:
        raise BadRequestError(error.code, error.message) from None


def require_bars(
    data: DataDirectory, symbol: str, timeframes: Sequence[str], request: dict[str, Any], fewest: int
) -> None:
    """BadRequestError unless every timeframe is stored and the finest has `fewest` bars in the request's range."""
    start, end = read_range(request["start_date"], request["end_date"])
    try:
        stored = [data.describe(symbol, timeframe) for timeframe in timeframes]
        finest = min(stored, key=lambda series: TIMEFRAME_SECONDS[series.timeframe])
        found = len(data.read(symbol, finest.timeframe, start, end, fewest))
    except KtrdrError as error:
        raise BadRequestError(error.code, error.message, error.details) from None
    if found < fewest:
        span = f"{iso(finest.first)} to {iso(finest.last)}"
        message = (
            f"{symbol} {finest.timeframe} has {found} bars in that range, {fewest} are needed;"
            f" stored are {finest.points}, {span}."
        )
        details = {"symbol": symbol, "timeframe": finest.timeframe, "points": found, "needed": fewest}
        raise BadRequestError("no_data", message, details)
