"""The routes of strategies: list, read, check, store and remove them."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ktrdr.api.context import Context, ContextDep
from ktrdr.api.documented import answers, answers_to_body, body, errors, media
from ktrdr.api.routes.parameters import NameInPath, Offset
from ktrdr.errors import ConflictError

STRATEGIES_LIMIT: Final = 200
ISSUES_LIMIT: Final = 500
YAML: Final = "application/yaml"
"""RFC 9512."""
TEXT: Final = "text/plain"

router = APIRouter(prefix="/strategies", tags=["strategies"])


@router.get("", responses=answers("StrategiesAnswer"))
def strategies(
    context: ContextDep, limit: Annotated[int, Query(ge=1, le=STRATEGIES_LIMIT)] = STRATEGIES_LIMIT, offset: Offset = 0
) -> JSONResponse:
    """List the strategies by name; an invalid one is listed with the number of its issues."""
    found = []
    names = context.strategies.names()
    for name in names[offset : offset + limit]:
        strategy, issues = context.strategies.check(name)
        found.append(
            {
                "name": name,
                "description": strategy.description if strategy else "",
                "symbols": strategy.training_data.symbols if strategy else [],
                "timeframes": strategy.training_data.timeframes if strategy else [],
                "valid": strategy is not None,
                "issue_count": len(issues),
                "shipped": context.strategies.is_shipped(name),
            }
        )
    return JSONResponse({"success": True, "strategies": found, "total_count": len(names)})


@router.get("/{name}", responses=answers("StrategyAnswer", 400, 404))
def strategy(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Return a valid strategy as its file has it, with every default filled in."""
    return JSONResponse({"success": True, "strategy": context.strategies.load(name).model_dump(exclude_none=True)})


@router.post("/validate/{name}", responses=answers("ValidationAnswer", 404))
def validate(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Check a stored strategy: every issue names the key, the value and the next step."""
    sound, issues = context.strategies.check(name)
    return JSONResponse(
        {
            "success": True,
            "valid": sound is not None,
            "strategy_name": name,
            "issues": [asdict(issue) for issue in issues[:ISSUES_LIMIT]],
        }
    )


@router.get("/{name}/file", response_class=Response, responses=errors(400, 404) | media(200, TEXT))
def file(context: ContextDep, name: NameInPath) -> Response:
    """Return a strategy's file as it was written."""
    return Response(context.strategies.text(name), media_type=TEXT)


@router.post(
    "",
    status_code=201,
    responses=answers_to_body("StrategyStoredAnswer", 409, 429, status=201),
    openapi_extra=body(YAML),
)
async def create(context: ContextDep, request: Request) -> JSONResponse:
    """Store a new strategy, the YAML text in the body, under its own name; 422 with all issues if it is not valid."""
    return JSONResponse(await run_in_threadpool(_store, context, await request.body(), None, replace=False), 201)


@router.put(
    "/{name}",
    responses=answers_to_body("StrategyStoredAnswer", 409, 429) | answers_to_body("StrategyStoredAnswer", status=201),
    openapi_extra=body(YAML),
)
async def replace(context: ContextDep, request: Request, name: NameInPath) -> JSONResponse:
    """Store a strategy under its name, in place of one that is there; shipped ones stay as they are.

    `models` counts those that were trained with it as it was before: they keep their own copy and decide by it.
    """
    answer = await run_in_threadpool(_store, context, await request.body(), name, replace=True)
    return JSONResponse(answer, 200 if answer["replaced"] else 201)


@router.delete("/{name}", responses=answers("StrategyRemovedAnswer", 404, 409))
def remove(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Remove a strategy; 409 for a shipped one, and while models are stored that were trained with it."""
    if context.strategies.is_own(name) and (number := context.models.number(name)):
        message = f"{number} stored models were trained with strategy {name}; remove them first (DELETE /models/NAME)."
        raise ConflictError("strategy_in_use", message, {"models": number})
    context.strategies.remove(name)
    return JSONResponse({"success": True, "strategy_name": name})


def _store(context: Context, text: bytes, name: str | None, *, replace: bool) -> dict[str, Any]:
    known = name is not None and context.strategies.is_own(name)
    number = context.models.number(name) if name and known else 0
    stored = context.strategies.store(text, name, replace=replace)
    return {"success": True, "strategy_name": stored.name, "replaced": known, "models": number}
