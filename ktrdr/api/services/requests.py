"""Checks that trainings and backtests share before they are queued."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ktrdr.data.bars import iso, parse_range
from ktrdr.data.files import DataDirectory, Series
from ktrdr.errors import BadRequestError, KtrdrError, NotFoundError
from ktrdr.model_directory import ModelDirectory
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.files import StrategyDirectory

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy


def read_range(start_date: str | None, end_date: str | None) -> tuple[int | None, int | None]:
    """Read a range as epoch seconds, end excluded; BadRequestError if it is not a range."""
    try:
        return parse_range(start_date, end_date)
    except (ValueError, OverflowError) as error:
        raise BadRequestError("bad_range", f"start_date and end_date are ISO 8601 dates: {error}.") from None


def require_strategy(strategies: StrategyDirectory, name: str) -> "Strategy":
    """Return a valid strategy; BadRequestError if it is invalid or does not exist."""
    try:
        return strategies.load(name)
    except NotFoundError as error:
        raise BadRequestError(error.code, error.message) from None


def trained_with(models: ModelDirectory, name: str, strategy: "Strategy") -> "Strategy":
    """Return the strategy that a model was trained with: its own copy, or `strategy` if only the description differs.

    `strategy` too if the model holds no valid copy: its loading says so.
    """
    from ktrdr.strategy.checks import check  # noqa: PLC0415  the API starts faster without the models

    own, _ = check(models.config(name).get("strategy"), strategy.name)
    if own is None or own.model_copy(update={"description": strategy.description}) == strategy:
        return strategy
    return own


def require_bars(
    data: DataDirectory,
    symbol: str,
    timeframes: Sequence[str],
    request: dict[str, Any],
    fewest: int,
    *,
    history: int | None = None,
) -> dict[str, int]:
    """Return how many bars each timeframe has in the request's range.

    BadRequestError unless each timeframe has a bar and the finest has `fewest`. With a `history`, bars before the range
    can stand for so many of the finest, and for the one of a coarser timeframe.
    """
    start, end = read_range(request["start_date"], request["end_date"])
    finest, *coarser = sorted(timeframes, key=TIMEFRAME_SECONDS.__getitem__)
    found = {}
    for timeframe, wanted in ((finest, fewest), *((timeframe, 1) for timeframe in coarser)):
        try:
            stored = data.describe(symbol, timeframe)
            found[timeframe] = data.count(symbol, timeframe, start, end)
            earlier = data.count(symbol, timeframe, None, start) if history is not None and start is not None else 0
        except KtrdrError as error:
            raise BadRequestError(error.code, error.message, error.details) from None
        needed = wanted - min(earlier, (history or 0) if timeframe == finest else 1)
        if found[timeframe] < needed:
            raise _too_few(stored, found[timeframe], needed)
    return found


def _too_few(stored: Series, found: int, needed: int) -> BadRequestError:
    message = (
        f"{stored.symbol} {stored.timeframe} has {found} bars in that range, {needed} are needed;"
        f" stored are {stored.points}, {iso(stored.first)} to {iso(stored.last)}."
    )
    details = {"symbol": stored.symbol, "timeframe": stored.timeframe, "points": found, "needed": needed}
    return BadRequestError("no_data", message, details)
