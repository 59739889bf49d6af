"""The routes of models, which trainings produce."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_body, body, errors, media
from ktrdr.api.routes.parameters import NameInPath
from ktrdr.model_files import digest

router = APIRouter(prefix="/models", tags=["models"])

Digest = Annotated[str, Header(alias="X-Content-SHA256", pattern="^[0-9a-f]{64}$")]


@router.get("", responses=answers("ModelsAnswer"))
def models(context: ContextDep) -> JSONResponse:
    """List the models with their features, metrics and metadata."""
    return JSONResponse({"success": True, "models": context.models.readable()})


@router.get("/{name}", responses=answers("ModelAnswer", 404))
def model(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Return one model's features, metrics and metadata."""
    return JSONResponse({"success": True, "model": context.models.describe(name)})


@router.get("/{name}/archive", response_class=Response, responses=errors(404) | media(200, "application/zip"))
def archive(context: ContextDep, name: NameInPath) -> Response:
    """Return a model as a zip archive, with its SHA-256 in X-Content-SHA256."""
    content = context.models.archive(name)
    return Response(content, media_type="application/zip", headers={"X-Content-SHA256": digest(content)})


@router.put(
    "/{name}/archive",
    status_code=201,
    responses=answers_to_body("ModelStoredAnswer", 409, status=201),
    openapi_extra=body("application/zip"),
)
async def store(context: ContextDep, request: Request, name: NameInPath, expected: Digest) -> JSONResponse:
    """Store a model that a worker has trained; refused if X-Content-SHA256 is not the body's digest."""
    content = await request.body()
    path = await run_in_threadpool(context.models.store, name, content, expected)
    return JSONResponse({"success": True, "model_path": f"models/{path.name}"}, 201)
