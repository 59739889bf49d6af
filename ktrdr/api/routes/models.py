"""The routes of models, which trainings produce."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from ktrdr.api.answers import JsonTexts
from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_body, answers_to_json, body, errors, media
from ktrdr.api.routes.parameters import CallerDep, NameInPath, Offset, RequestBody, SymbolName
from ktrdr.json_text import listed, spliced
from ktrdr.model_files import blocks, digest_and_size
from ktrdr.strategy.plain import WHOLE

router = APIRouter(prefix="/models", tags=["models"])

MODELS_DEFAULT: Final = 100
BARS_LIMIT: Final = 1000
Digest = Annotated[str, Header(alias="X-Content-SHA256", pattern="^[0-9a-f]{64}$")]


class PredictionRequest(RequestBody):
    """The newest bars to decide on, of the model's own symbol unless another is named."""

    model_config = ConfigDict(extra="forbid")

    symbol: SymbolName | None = None
    bars: Annotated[int, Field(ge=1, le=BARS_LIMIT), WHOLE] = 1


@router.get("", responses=answers("ModelsAnswer"))
def models(
    context: ContextDep, limit: Annotated[int, Query(ge=1, le=500)] = MODELS_DEFAULT, offset: Offset = 0
) -> Response:
    """List the models with their features, metrics and metadata, the newest first.

    A page ends before its answer is too long; the next one, if there is one, begins at `next_offset`.
    """
    texts, total, following = context.models.page(limit, offset)
    counts = {"success": True, "total_count": total, "next_offset": following}
    return JsonTexts(spliced(counts, models=listed([text] for text in texts)))


@router.get("/{name}", responses=answers("ModelAnswer", 404))
def model(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Return one model's features, metrics and metadata."""
    return JSONResponse({"success": True, "model": context.models.describe(name)})


@router.delete("/{name}", responses=answers("ModelRemovedAnswer", 404))
def remove(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Remove a model; a backtest that waits for it fails."""
    context.models.remove(name)
    return JSONResponse({"success": True, "model_path": f"models/{name}"})


@router.post("/{name}/predict", responses=answers_to_json("PredictionStartedAnswer", 404, 429))
def predict(context: ContextDep, name: NameInPath, request: PredictionRequest) -> JSONResponse:
    """Queue a model's decisions on the newest stored bars; the results are those of a backtest on these bars."""
    operation_id = context.predictions.start(name, request.symbol, request.bars)
    told = {"status": "started", "message": f"Prediction by {name} is queued."}
    return JSONResponse({"success": True, "operation_id": operation_id, **told})


@router.get("/{name}/archive", response_class=Response, responses=errors(404) | media(200, "application/zip"))
def archive(context: ContextDep, name: NameInPath) -> Response:
    """Return a model as a zip archive, with its SHA-256 in X-Content-SHA256."""
    path = context.models.directory.path(name)
    digest, size = digest_and_size(path)
    headers = {"X-Content-SHA256": digest, "Content-Length": str(size)}
    return StreamingResponse(blocks(path), media_type="application/zip", headers=headers)


@router.put(
    "/{name}/archive",
    status_code=201,
    responses=answers_to_body("ModelStoredAnswer", 409, status=201),
    openapi_extra=body("application/zip"),
)
async def store(
    context: ContextDep, request: Request, caller: CallerDep, name: NameInPath, expected: Digest
) -> JSONResponse:
    """Store a model, from the worker that has been given its training; `name` ends with that operation's id.

    It is refused if X-Content-SHA256 is not the body's digest.
    """
    await run_in_threadpool(context.held.require_model, caller, name)
    incoming = await run_in_threadpool(context.models.directory.incoming, name, expected)
    with incoming:
        async for chunk in request.stream():
            await run_in_threadpool(incoming.feed, chunk)
        path = await run_in_threadpool(incoming.finish)
    await run_in_threadpool(context.models.add, path.name)
    return JSONResponse({"success": True, "model_path": f"models/{path.name}"}, 201)
