"""Computes indicators over stored bars, for looking at them. Trainings and backtests compute their own, on workers.

The values are those that a strategy sees: each bar's depend on earlier bars only, and are the same for every range.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from ktrdr.api.services.requests import read_range
from ktrdr.data.bars import Bars, iso
from ktrdr.data.files import DataDirectory
from ktrdr.errors import BadRequestError, InvalidError

MOST_BARS: Final = 20_000
"""The most bars that are computed over, earlier ones included: under a second for an indicator."""
MOST_STEPS: Final = 20_000_000
"""The most bars times periods: an indicator of a window looks at every bar so often."""
Values = dict[str, list[float | None]]


class IndicatorService:
    """Indicators over bars of the data directory."""

    def __init__(self, data: DataDirectory) -> None:
        self._data = data

    def calculate(self, symbol: str, timeframe: str, uses: Mapping[str, Any], *, start_date: str | None,
                  end_date: str | None, limit: int) -> dict[str, Any]:  # fmt: skip
        """Return dates, and by `name.output` the values on the first `limit` bars of a range; None where there is none.

        `uses` is a strategy's section `indicators`. InvalidError for an unknown type or parameter, NotFoundError
        without bars, BadRequestError for too many.
        """
        from ktrdr.indicators.compute import compute  # noqa: PLC0415  the API starts faster without it

        checked = _checked(uses)
        start, end = read_range(start_date, end_date)
        bars, first, rest = self._bars(symbol, timeframe, start, end, limit=limit, needed=_needed(checked))
        _require_short(len(bars), checked)
        values: Values = {}
        for name, use in checked.items():
            for output, column in compute(use.type, bars, use.parameters.model_dump()).items():
                values[f"{name}.{output}"] = [value if math.isfinite(value) else None for value in column[first:]]
        dates = [iso(time) for time in bars.times[first:]]
        metadata = {"symbol": symbol, "timeframe": timeframe, "next_start": iso(rest) if rest is not None else None}
        return {"dates": dates, "indicators": values, "points": len(dates), "metadata": metadata}

    def _bars(
        self, symbol: str, timeframe: str, start: int | None, end: int | None, *, limit: int, needed: int | None
    ) -> tuple[Bars, int, int | None]:
        """Return bars, where the range begins in them, and when the next page begins, if there is one."""
        first = 0
        begin = start
        if start is not None:
            stored = self._data.count(symbol, timeframe, None, start)
            first = stored if needed is None else min(stored, needed)
            begin = self._data.bars_before(symbol, timeframe, start, first) if first else start
        wanted = first + min(limit, self._data.count(symbol, timeframe, start, end))
        if wanted > MOST_BARS:
            message = (
                f"The values depend on {wanted:,} bars, at most {MOST_BARS:,} are computed over: ask for fewer bars,"
                " shorter periods, or an earlier range of an indicator that depends on all bars before."
            )
            raise BadRequestError("too_many_bars", message, {"bars": wanted, "at_most": MOST_BARS})
        bars = self._data.read(symbol, timeframe, begin, end, first + limit + 1)
        rest = bars.times[first + limit] if len(bars) > first + limit else None
        return bars.between(0, first + limit), first, rest


def _checked(uses: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the indicators with every parameter, as in a strategy; InvalidError with the first mistake."""
    from pydantic import ValidationError  # noqa: PLC0415  the API starts faster without the models

    from ktrdr.strategy.mistakes import issues_of  # noqa: PLC0415
    from ktrdr.strategy.schema import Indicators  # noqa: PLC0415

    try:
        return Indicators.model_validate({"indicators": dict(uses)}).indicators
    except ValidationError as error:
        issue = issues_of(error)[0]
        raise InvalidError("bad_indicator", issue.message, issue.details) from None


def _needed(uses: Mapping[str, Any]) -> int | None:
    from ktrdr.indicators.history import bars_needed  # noqa: PLC0415  the API starts faster without it

    needed = [bars_needed(use.type, use.parameters.model_dump()) for use in uses.values()]
    return None if None in needed else max(count for count in needed if count is not None)


def _require_short(count: int, uses: Mapping[str, Any]) -> None:
    periods = sum(value for use in uses.values() for value in use.parameters.model_dump().values())
    if count * periods > MOST_STEPS:
        message = (
            f"{count:,} bars times periods of {periods:,.0f} in all are too many: ask for fewer bars or indicators."
        )
        raise BadRequestError("too_many_bars", message, {"bars": count, "at_most": int(MOST_STEPS / periods)})
