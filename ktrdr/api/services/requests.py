"""Checks that trainings and backtests share before they are queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.services.model_index import ModelIndex
from ktrdr.data.bars import iso, parse_range
from ktrdr.data.files import DataDirectory, Series
from ktrdr.data.resample import ratio
from ktrdr.errors import BadRequestError, KtrdrError, NotFoundError
from ktrdr.model_directory import ModelDirectory
from ktrdr.names import TIMEFRAME_SECONDS
from ktrdr.strategy.files import StrategyDirectory

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy


@dataclass(frozen=True)
class OverModels:
    """What computes by stored models on stored bars: where it is queued, and by what a request is checked."""

    dispatcher: Dispatcher
    strategies: StrategyDirectory
    data: DataDirectory
    models: ModelIndex


MOST_BYTES: Final = 3_500_000_000
"""A worker has 4 GiB, and its libraries take 0.3 GB. Trainings estimated at this limit took 2.3 to 3.3 GB in all."""


def require_memory(needed: float, bars: int) -> None:
    """Raise BadRequestError if computing on so many bars needs more bytes than a worker has."""
    if needed > MOST_BYTES:
        message = (
            f"Computing on these {bars:,} bars takes about {needed / 1e9:.1f} GB of a worker's memory,"
            f" {MOST_BYTES / 1e9:.1f} GB are for it: shorten the range, or name fewer symbols or timeframes."
        )
        details = {"bars": bars, "bytes_needed": round(needed), "bytes_at_most": MOST_BYTES}
        raise BadRequestError("too_many_bars", message, details)


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


@dataclass(frozen=True)
class Found:
    """How many bars each timeframe has in a range; `made_of` names the source of each that is not stored.

    The bars of such a timeframe are made of finer ones: so many are counted as would be without gaps.
    """

    bars: dict[str, int]
    made_of: dict[str, str]


def require_bars(
    data: DataDirectory,
    symbol: str,
    timeframes: Sequence[str],
    request: dict[str, Any],
    fewest: int,
    *,
    history: int | None = None,
) -> Found:
    """Return what there is of each timeframe in the request's range.

    BadRequestError unless each timeframe has a bar and the finest has `fewest`. With a `history`, bars before the range
    can stand for so many of the finest, and for the one of a coarser timeframe.
    """
    start, end = read_range(request["start_date"], request["end_date"])
    finest, *coarser = sorted(timeframes, key=TIMEFRAME_SECONDS.__getitem__)
    found = Found({}, {})
    for timeframe, wanted in ((finest, fewest), *((timeframe, 1) for timeframe in coarser)):
        source = data.source(symbol, timeframe)
        share = ratio(source, timeframe)
        try:
            stored = data.describe(symbol, source)
            bars = data.count(symbol, source, start, end) // share
            earlier = data.count(symbol, source, None, start) // share if history and start is not None else 0
        except KtrdrError as error:
            raise BadRequestError(error.code, error.message, error.details) from None
        needed = wanted - min(earlier, (history or 0) if timeframe == finest else 1)
        if bars < needed:
            raise _too_few(stored, bars, needed, timeframe)
        found.bars[timeframe] = bars
        if source != timeframe:
            found.made_of[timeframe] = source
    return found


def _too_few(stored: Series, found: int, needed: int, timeframe: str) -> BadRequestError:
    of = f" of {stored.timeframe}" if stored.timeframe != timeframe else ""
    message = (
        f"{stored.symbol} {timeframe} has {found} bars in that range, {needed} are needed;"
        f" stored are {stored.points}{of}, {iso(stored.first)} to {iso(stored.last)}."
    )
    details = {"symbol": stored.symbol, "timeframe": timeframe, "points": found, "needed": needed}
    return BadRequestError("no_data", message, details)
