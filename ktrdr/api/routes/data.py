"""The routes of bars: list what is stored, read ranges, replace a series."""

from typing import Annotated, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ktrdr.api.answers import BarTexts
from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_body, answers_to_json, body
from ktrdr.api.routes.parameters import DateInQuery, RequestBody, SymbolInPath, SymbolName
from ktrdr.api.services.requests import read_range
from ktrdr.data.bars import BEFORE_LIMIT
from ktrdr.data.clock import DateOrder
from ktrdr.data.placing import Wishes
from ktrdr.errors import BadRequestError
from ktrdr.names import TIMEFRAME_SECONDS, Timeframe

router = APIRouter(prefix="/data", tags=["data"])

POINTS_DEFAULT: Final = 10_000
POINTS_LIMIT: Final = 50_000


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
) -> Response:
    """Return the first `limit` bars of a range; the next page, if there is one, begins at `metadata.next_start`.

    `before` lets the range begin so many bars before `start_date`, or at the first stored bar. `metadata.total` counts
    the bars of the range. Pages belong together only if their `metadata.version` is equal.
    """
    start, end = read_range(start_date, end_date)
    page = context.data.page(symbol, timeframe, start, end, limit, before=before if start is not None else 0)
    metadata = {
        "symbol": symbol,
        "timeframe": timeframe,
        "columns": ["open", "high", "low", "close", "volume"],
        "timezone": "UTC",
        "version": page.version,
        "next_start": page.next,
        "total": page.total,
    }
    return BarTexts(page, metadata)


def _wishes(
    *,
    append: bool = False,
    replace: bool = False,
    missing_volume: Literal["refuse", "zero"] = "refuse",
    date_order: DateOrder | None = None,
) -> Wishes:
    return Wishes(append, replace, missing_volume == "zero", date_order)


@router.post(
    "/{symbol}/{timeframe}",
    status_code=201,
    responses=answers_to_body("UploadAnswer", 409, 429, status=201),
    openapi_extra=body("text/csv"),
)
async def upload(
    context: ContextDep,
    request: Request,
    symbol: SymbolInPath,
    timeframe: Timeframe,
    wishes: Annotated[Wishes, Depends(_wishes)],
) -> JSONResponse:
    """Store the bars of the CSV text in the body, completely or not at all; rejected rows are named by line.

    A text that lacks stored bars, or has other values for them, is refused with 409. `append` adds its bars to those
    stored, `replace` lets stored bars go or change. `missing_volume=zero` stores 0 where there is no volume.
    `date_order` says how dates with slashes are written.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        message = "Send the CSV text as the body itself: curl --data-binary @FILE -H 'Content-Type: text/csv'."
        raise BadRequestError("multipart_body", message)
    async with context.data_loads.recorded(symbol, timeframe, wishes) as load:
        incoming = await run_in_threadpool(context.data.upload, symbol, timeframe, wishes)
        with incoming:
            async for chunk in request.stream():
                await run_in_threadpool(incoming.feed, chunk)
            stored = await to_thread.run_sync(
                context.data.finish, symbol, timeframe, incoming, limiter=context.data_loads.limiter
            )
        load.stored = stored
    return JSONResponse({"success": True, "data": stored}, 201)
