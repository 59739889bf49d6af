"""The routes that start trainings and report their metrics."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_json
from ktrdr.api.routes.parameters import DateText, Name, NameInPath, RequestBody, SymbolName
from ktrdr.names import Timeframe

router = APIRouter(prefix="/trainings", tags=["trainings"])


class TrainingRequest(RequestBody):
    """A training; symbols and timeframes default to the strategy's own."""

    model_config = ConfigDict(extra="forbid")

    strategy_name: Name
    symbols: list[SymbolName] = Field(default_factory=list, max_length=20)
    timeframes: list[Timeframe] = Field(default_factory=list, max_length=8)
    start_date: DateText | None = None
    end_date: DateText | None = None


@router.post("/start", responses=answers_to_json("TrainingStartedAnswer", 429))
def start(context: ContextDep, request: TrainingRequest) -> JSONResponse:
    """Queue a training; `task_id` is its operation's id."""
    task_id = context.trainings.start(request.model_dump())
    told = {"status": "training_started", "message": f"Training of {request.strategy_name} is queued."}
    return JSONResponse({"success": True, "task_id": task_id, **told})


@router.get("/{task_id}/performance", responses=answers("PerformanceAnswer", 404, 409))
def performance(context: ContextDep, task_id: NameInPath) -> JSONResponse:
    """Return training_metrics, test_metrics and model_info of a completed training."""
    return JSONResponse({"success": True, "task_id": task_id, **context.trainings.performance(task_id)})
