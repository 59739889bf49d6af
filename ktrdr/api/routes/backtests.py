"""The route that starts backtests."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers_to_json
from ktrdr.api.routes.parameters import DateText, Name, RequestBody, SymbolName
from ktrdr.names import Timeframe

router = APIRouter(prefix="/backtests", tags=["backtests"])

Share = Annotated[float, Field(ge=0, le=0.25, allow_inf_nan=False)]


class BacktestRequest(RequestBody):
    """A backtest; commission and slippage are shares of the traded value, capital is in the quote currency."""

    model_config = ConfigDict(extra="forbid")

    strategy_name: Name
    symbol: SymbolName
    timeframe: Timeframe
    start_date: DateText | None = None
    end_date: DateText | None = None
    initial_capital: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)] = 100_000.0
    commission: Share = 0.0001
    slippage: Share = 0.00005
    model_path: Annotated[str, Field(pattern=r"^(models/)?[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$")] | None = None


@router.post("/start", responses=answers_to_json("BacktestStartedAnswer", 404, 429))
def start(context: ContextDep, request: BacktestRequest) -> JSONResponse:
    """Queue a backtest; without a model_path the strategy's newest model is used."""
    operation_id = context.backtests.start(request.model_dump())
    told = {"status": "started", "message": f"Backtest of {request.strategy_name} is queued."}
    return JSONResponse({"success": True, "operation_id": operation_id, **told})
