"""The route that computes indicators over stored bars."""

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers_to_json
from ktrdr.api.routes.parameters import DateText, Name, RequestBody, SymbolName
from ktrdr.names import Timeframe
from ktrdr.strategy.plain import WHOLE

router = APIRouter(prefix="/indicators", tags=["indicators"])

MOST_INDICATORS: Final = 8
VALUES_DEFAULT: Final = 1000
VALUES_LIMIT: Final = 5000
Number = Annotated[float, Field(allow_inf_nan=False)]


class IndicatorUse(RequestBody):
    """An indicator and its parameters, as in a strategy; GET /indicators lists both."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(max_length=100)]
    parameters: dict[Annotated[str, Field(max_length=100)], Number] = Field(default_factory=dict, max_length=16)


class CalculationRequest(RequestBody):
    """Indicators by names of the client's own, over the first `limit` bars of a range."""

    model_config = ConfigDict(extra="forbid")

    symbol: SymbolName
    timeframe: Timeframe
    indicators: dict[Name, IndicatorUse] = Field(min_length=1, max_length=MOST_INDICATORS)
    start_date: DateText | None = None
    end_date: DateText | None = None
    limit: Annotated[int, Field(ge=1, le=VALUES_LIMIT), WHOLE] = VALUES_DEFAULT


@router.post("/calculate", responses=answers_to_json("CalculatedAnswer", 404))
def calculate(context: ContextDep, request: CalculationRequest) -> JSONResponse:
    """Compute indicators; each value is the one that a strategy sees at that bar, and null while it waits for bars.

    The next page, if there is one, begins at `metadata.next_start`.
    """
    data = context.indicators.calculate(
        request.symbol,
        request.timeframe,
        {name: use.model_dump() for name, use in request.indicators.items()},
        start_date=request.start_date,
        end_date=request.end_date,
        limit=request.limit,
    )
    return JSONResponse({"success": True, "data": data})
