"""The routes of strategies: list, read and check them."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers
from ktrdr.api.routes.parameters import NameInPath, Offset

STRATEGIES_LIMIT: Final = 200
ISSUES_LIMIT: Final = 500

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
