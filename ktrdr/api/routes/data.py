"""The routes of bars: list what is stored, read ranges, replace a series."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_body, answers_to_json, body
from ktrdr.api.routes.parameters import DateInQuery, RequestBody, SymbolInPath, SymbolName
from ktrdr.api.services.requests import read_range
from ktrdr.data.bars import iso
from ktrdr.errors import BadRequestError
from ktrdr.names import TIMEFRAME_SECONDS, Timeframe

router = APIRouter(prefix="/data", tags=["data"])

POINTS_DEFAULT: Final = 10_000
POINTS_LIMIT: Final = 50_000
BEFORE_LIMIT: Final = 200_000
"""More than an indicator of the longest period depends on."""


class RangeRequest(RequestBody):
    """A stored series."""

    symbol: SymbolName
    timeframe: Timeframe


@router.get("/symbols", responses=answers("SymbolsAnswer"))
def symbols(context: ContextDep) -> JSONResponse:
    """List the stored symbols with their timeframes."""
    found: dict[str, list[str]] = {}
    for series in context.data.series():
        found.setdefault(series.symbol, []).append(series.timeframe)
    data = [{"symbol": symbol, "timeframes": timeframes} for symbol, timeframes in found.items()]
    return JSONResponse({"success": True, "data": data})


@router.get("/timeframes", responses=answers("TimeframesAnswer"))
def timeframes() -> JSONResponse:
    """List the timeframes that a series may have, with their length in seconds."""
    data = [{"timeframe": name, "seconds": seconds} for name, seconds in TIMEFRAME_SECONDS.items()]
    return JSONResponse({"success": True, "data": data})


@router.get("/info", responses=answers("DataInfoAnswer"))
def info(context: ContextDep) -> JSONResponse:
    """Describe every stored series."""
    stored = [series.as_json() for series in context.data.series()]
    data = {"series": stored, "total_series": len(stored), "total_points": sum(series["points"] for series in stored)}
    return JSONResponse({"success": True, "data": data})


@router.post("/range", responses=answers_to_json("SeriesAnswer", 404))
def date_range(context: ContextDep, request: RangeRequest) -> JSONResponse:
    """Describe one stored series: its first and last date, points and size."""
    return JSONResponse({"success": True, "data": context.data.describe(request.symbol, request.timeframe).as_json()})


@router.get("/{symbol}/{timeframe}", responses=answers("BarsAnswer", 400, 404))
def bars(
    context: ContextDep,
    symbol: SymbolInPath,
    timeframe: Timeframe,
    *,
    start_date: DateInQuery = None,
    end_date: DateInQuery = None,
    limit: Annotated[int, Query(ge=1, le=POINTS_LIMIT)] = POINTS_DEFAULT,
    before: Annotated[int, Query(ge=0, le=BEFORE_LIMIT)] = 0,
) -> JSONResponse:
    """Return the first `limit` bars of a range; the next page, if there is one, begins at `metadata.next_start`.

    `before` lets the range begin so many bars before `start_date`, or at the first stored bar.
    Pages belong together only if their `metadata.version` is equal.
    """
    start, end = read_range(start_date, end_date)
    if start is not None and before:
        start = context.data.bars_before(symbol, timeframe, start, before)
    found, version = context.data.read_version(symbol, timeframe, start, end, limit + 1)
    rest = found.times[limit] if len(found) > limit else None
    found = found.between(0, limit)
    metadata: dict[str, Any] = {
        "symbol": symbol,
        "timeframe": timeframe,
        "columns": ["open", "high", "low", "close", "volume"],
        "timezone": "UTC",
        "version": version,
        "next_start": iso(rest) if rest is not None else None,
    }
    dates = [iso(time) for time in found.times]
    data = {"dates": dates, "ohlcv": found.rows(), "points": len(found), "metadata": metadata}
    return JSONResponse({"success": True, "data": data})


@router.post(
    "/{symbol}/{timeframe}",
    status_code=201,
    responses=answers_to_body("SeriesAnswer", 429, status=201),
    openapi_extra=body("text/csv"),
)
async def upload(context: ContextDep, request: Request, symbol: SymbolInPath, timeframe: Timeframe) -> JSONResponse:
    """Replace a series by the CSV text in the body, completely or not at all; rejected rows are named by line."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        message = "Send the CSV text as the body itself: curl --data-binary @FILE -H 'Content-Type: text/csv'."
        raise BadRequestError("multipart_body", message)
    async with context.data_loads.recorded(symbol, timeframe) as load:
        with context.data.upload(symbol, timeframe) as incoming:
            async for chunk in request.stream():
                await run_in_threadpool(incoming.feed, chunk)
            await run_in_threadpool(incoming.finish)
        series = load.series = await run_in_threadpool(context.data.describe, symbol, timeframe)
    return JSONResponse({"success": True, "data": series.as_json()}, 201)
