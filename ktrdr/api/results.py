"""What a worker may report of a completed operation: a shape for each type. Imported with the first such report.

Further keys are kept as they are: a newer worker may know more. Rows that were stored before stay what they were.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ktrdr.data.bars import TIME_PATTERN
from ktrdr.errors import InvalidError
from ktrdr.names import MODEL_PATH_PATTERN
from ktrdr.strategy.issues import brief
from ktrdr.strategy.plain import WHOLE

SHOWN: Final = 20

Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=10**12), WHOLE]
Text = Annotated[str, Field(max_length=2000)]
Time = Annotated[str, Field(pattern=TIME_PATTERN, max_length=40)]
ModelPath = Annotated[str, Field(pattern=MODEL_PATH_PATTERN)]
Warnings = Annotated[list[Text], Field(max_length=100)]


class Result(BaseModel):
    """A mapping with at least these keys. Nothing is converted: a number is not a text."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


class TrainingMetrics(Result):
    """Losses and accuracies of a training; `training_time` is in seconds."""

    epochs_trained: Count
    best_epoch: Count
    first_train_loss: Number
    final_train_loss: Number
    final_train_accuracy: Share
    final_val_loss: Number
    final_val_accuracy: Share
    training_time: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    train_majority_share: Share | None = None
    val_majority_share: Share | None = None


class TestMetrics(Result):
    """The figures of the test part."""

    test_accuracy: Share
    test_loss: Number
    precision: Share
    recall: Share
    f1_score: Share
    majority_share: Share | None = None


class ModelInfo(Result):
    """The network."""

    parameter_count: Count
    feature_count: Count
    feature_names: list[Text]
    classes: list[Text]


class DataSummary(Result):
    """The bars of a training and the samples made of them."""

    symbols: list[Text]
    timeframes: list[Text]
    start_date: Time
    end_date: Time
    total_samples: Count
    training_samples: Count
    validation_samples: Count
    test_samples: Count


class TrainingResult(Result):
    """The result of a training."""

    model_path: ModelPath
    training_metrics: TrainingMetrics
    test_metrics: TestMetrics
    model_info: ModelInfo
    data_summary: DataSummary
    label_counts: dict[str, dict[str, Count]] | None = None
    resumed_after_epoch: Count | None = None
    warnings: Warnings | None = None


class BacktestConfig(Result):
    """What a backtest was asked for; money is in the quote currency, costs are shares of the traded value."""

    initial_capital: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    commission: Share
    slippage: Share
    overlaps_training: bool | None = None


class BacktestMetrics(Result):
    """The figures of a backtest; None where a figure is not defined."""

    total_return_pct: Number
    annualized_return: Number | None
    volatility: Number | None
    sharpe_ratio: Number | None
    sortino_ratio: Number | None
    max_drawdown_pct: Number
    win_rate: Share
    profit_factor: Number | None
    total_trades: Count
    winning_trades: Count
    losing_trades: Count
    average_trade_pct: Number
    final_equity: Number


class Trade(Result):
    """A closed position."""

    direction: Literal["long", "short"]
    entry_time: Time
    exit_time: Time
    entry_price: Number
    exit_price: Number
    units: Number
    profit: Number
    return_pct: Number


class Point(Result):
    """A point of an equity curve."""

    timestamp: Time
    equity: Number
    close: Number | None = None
    drawdown_pct: Number | None = None


class BacktestResult(Result):
    """The result of a backtest."""

    config: BacktestConfig
    metrics: BacktestMetrics
    trade_count: Count
    trades: list[Any]
    equity_curve: list[Any]
    model_path: ModelPath | None = None
    warm_up_bars: Count | None = None
    warnings: Warnings | None = None


class Decision(Result):
    """What a model decided when a bar had closed; without a confidence it lacked earlier bars."""

    timestamp: Time
    close: Number
    signal: Literal["BUY", "HOLD", "SELL"]
    confidence: Share | None


class PredictionResult(Result):
    """The result of a prediction; `decision` is the newest of `decisions`."""

    decision: Decision
    decisions: Annotated[list[Decision], Field(max_length=1000)]
    confidence_threshold: Share
    model_path: ModelPath
    warm_up_bars: Count
    warnings: Warnings


RESULTS: Final[dict[str, type[Result]]] = {
    "training": TrainingResult,
    "backtesting": BacktestResult,
    "prediction": PredictionResult,
}
"""By operation type."""
LISTS: Final[dict[str, dict[str, type[Result]]]] = {"backtesting": {"trades": Trade, "equity_curve": Point}}
"""Lists without a bound of their own: their entries are checked one at a time, which takes no memory."""

Place = tuple[str | int, ...]


def require_valid(kind: str, result: dict[str, Any] | None) -> None:
    """Raise InvalidError unless an operation of this type may end with this result.

    The message names the first wrong key and its value, `details` the first SHOWN.
    """
    _check(RESULTS[kind], result, ("result_summary",))
    for key, shape in LISTS.get(kind, {}).items():
        for place, entry in enumerate((result or {})[key]):
            _check(shape, entry, ("result_summary", key, place))


def _check(shape: type[Result], value: Any, at: Place) -> None:
    try:
        shape.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_problem(dict(one), at) for one in found[:SHOWN]]
        message = f"{problems[0]['where']} {problems[0]['message']}; let backend and worker have one version."
        raise InvalidError("invalid_result", message, {"problems": problems, "count": len(found)}) from None


def _problem(mistake: dict[str, Any], at: Place) -> dict[str, str]:
    where = ".".join(brief(part) for part in (*at, *mistake["loc"]))
    if mistake["type"] == "missing":
        return {"where": where, "message": "is missing"}
    return {"where": where, "message": f"is {brief(mistake['input'])!r}: {mistake['msg']}"}
