"""The routes of backtests' records: every trade, and the equity at every bar, as CSV or JSON."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from ktrdr.api.context import Context, ContextDep
from ktrdr.api.documented import Responses, answers_to_body, body, errors, media
from ktrdr.api.documented import answer as declared
from ktrdr.api.errors import JSON
from ktrdr.api.routes.parameters import CallerDep, NameInPath
from ktrdr.api.store.workers import Caller
from ktrdr.records import Kind, as_json

router = APIRouter(prefix="/operations", tags=["operations"])

CSV: Final = "text/csv"
GZIP: Final = "application/gzip"
Format = Annotated[Literal["csv", "json"] | None, Query(description="csv or json; otherwise Accept decides")]
_TAKES: Final[dict[str, Any]] = {
    "status_code": 201,
    "responses": answers_to_body("RecordStoredAnswer", 404, 409, 422, status=201),
    "openapi_extra": body(GZIP),
}
Accept = Annotated[str, Header(include_in_schema=False)]


def _gives(shape: str) -> Responses:
    both = errors(404, 409) | declared(200, shape)
    both[200]["content"] |= media(200, CSV)[200]["content"]
    return both


@router.get("/{operation_id}/trades", response_class=Response, responses=_gives("TradesAnswer"))
def trades(context: ContextDep, operation_id: NameInPath, format: Format = None, accept: Accept = "") -> Response:  # noqa: A002  the parameter's name
    """Return every trade of a completed backtest."""
    return _record(context, operation_id, "trades", format, accept)


@router.get("/{operation_id}/equity", response_class=Response, responses=_gives("EquityAnswer"))
def equity(context: ContextDep, operation_id: NameInPath, format: Format = None, accept: Accept = "") -> Response:  # noqa: A002  the parameter's name
    """Return the equity at the close of every bar of a completed backtest."""
    return _record(context, operation_id, "equity", format, accept)


@router.put("/{operation_id}/trades", **_TAKES)
async def store_trades(
    context: ContextDep, request: Request, caller: CallerDep, operation_id: NameInPath
) -> JSONResponse:
    """Store the trades that a backtest's worker sends, as gzipped CSV, before it reports the end."""
    return await _store(context, request, caller, operation_id, "trades")


@router.put("/{operation_id}/equity", **_TAKES)
async def store_equity(
    context: ContextDep, request: Request, caller: CallerDep, operation_id: NameInPath
) -> JSONResponse:
    """Store the equity that a backtest's worker sends, as gzipped CSV, before it reports the end."""
    return await _store(context, request, caller, operation_id, "equity")


async def _store(context: Context, request: Request, caller: Caller, operation_id: str, kind: Kind) -> JSONResponse:
    incoming = await run_in_threadpool(context.records.incoming, operation_id, kind, caller)
    with incoming:
        async for chunk in request.stream():
            await run_in_threadpool(incoming.feed, chunk)
        await run_in_threadpool(incoming.finish)
    return JSONResponse({"success": True, "operation_id": operation_id, "record": kind}, 201)


def _record(context: Context, operation_id: str, kind: Kind, wanted: str | None, accept: str) -> Response:
    blocks = context.records.blocks(operation_id, kind)
    if wanted == "csv" or (wanted is None and _prefers_csv(accept)):
        headers = {"Content-Disposition": f'attachment; filename="{operation_id}.{kind}.csv"'}
        return StreamingResponse(blocks, media_type=CSV, headers=headers)
    head = json.dumps({"success": True, "operation_id": operation_id})[:-1]
    return StreamingResponse(_document(f'{head}, "{kind}": '.encode(), kind, blocks), media_type=JSON)


def _document(head: bytes, kind: Kind, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from as_json(kind, blocks)
    yield b"}"


def _prefers_csv(accept: str) -> bool:
    """Return whether an Accept header names CSV, and JSON neither before it nor at all."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return CSV in names and JSON not in names[: names.index(CSV)]
