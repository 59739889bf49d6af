"""The routes of what a training's worker keeps for the case that it is lost."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers_to_body, body, errors, media
from ktrdr.api.routes.parameters import CallerDep, NameInPath
from ktrdr.api.services.checkpoints import blocks

router = APIRouter(prefix="/operations", tags=["operations"])

MEDIA: Final = "application/octet-stream"
Digest = Annotated[str, Header(alias="X-Content-SHA256", pattern="^[0-9a-f]{64}$")]


@router.get("/{operation_id}/checkpoint", response_class=Response, responses=errors(404) | media(200, MEDIA))
def checkpoint(context: ContextDep, operation_id: NameInPath) -> Response:
    """Return the checkpoint from which a training goes on, with its SHA-256 in X-Content-SHA256."""
    path = context.checkpoints.path(operation_id)
    size, content = blocks(path)
    headers = {"X-Content-SHA256": path.name.rpartition(".")[2], "Content-Length": str(size)}
    return StreamingResponse(content, media_type=MEDIA, headers=headers)


@router.put(
    "/{operation_id}/checkpoint",
    status_code=201,
    responses=answers_to_body("CheckpointStoredAnswer", 409, status=201),
    openapi_extra=body(MEDIA),
)
async def store(
    context: ContextDep, request: Request, caller: CallerDep, operation_id: NameInPath, expected: Digest
) -> JSONResponse:
    """Keep a training's checkpoint, from the worker that has been given it, in place of the one before.

    It is refused if X-Content-SHA256 is not the body's digest. When the training ends, it is removed; a training that
    its worker left behind hands it on to its retry.
    """
    incoming = await run_in_threadpool(context.checkpoints.incoming, caller, operation_id, expected)
    with incoming:
        async for chunk in request.stream():
            await run_in_threadpool(incoming.feed, chunk)
        await run_in_threadpool(incoming.finish)
    return JSONResponse({"success": True, "operation_id": operation_id}, 201)
