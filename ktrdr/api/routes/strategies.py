"""The routes of strategies: list, read and check them."""

from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_change
from ktrdr.api.routes.parameters import NameInPath

router = APIRouter(prefix="/strategies", tags=["strategies"])


@router.get("", responses=answers("StrategiesAnswer"))
def strategies(context: ContextDep) -> JSONResponse:
    """List the strategies; an invalid one is listed with the number of its issues."""
    found = []
    for name in context.strategies.names():
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
    return JSONResponse({"success": True, "strategies": found})


@router.get("/{name}", responses=answers("StrategyAnswer", 400, 404))
def strategy(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Return a valid strategy as its file has it, with every default filled in."""
    return JSONResponse({"success": True, "strategy": context.strategies.load(name).model_dump(exclude_none=True)})


@router.post("/validate/{name}", responses=answers_to_change("ValidationAnswer", 404))
def validate(context: ContextDep, name: NameInPath) -> JSONResponse:
    """Check a stored strategy: every issue names the key, the value and the next step."""
    sound, issues = context.strategies.check(name)
    return JSONResponse(
        {
            "success": True,
            "valid": sound is not None,
            "strategy_name": name,
            "issues": [asdict(issue) for issue in issues],
        }
    )
