"""The shapes of the answers, for the OpenAPI document alone. It imports this module at the first request for it.

The routes build the answers themselves. Tests check over HTTP that they have these shapes (tests/api).
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, create_model

from ktrdr.api.entries import (
    Assignment,
    BarsContent,
    CalculatedContent,
    CategoryEntry,
    DataInfoContent,
    EpochEntry,
    EquityPoint,
    ErrorAnswer,
    HealthAnswer,
    MembershipEntry,
    ModelEntry,
    OperationEntry,
    SeriesEntry,
    Shape,
    StrategyEntry,
    SymbolEntry,
    TimeframeEntry,
    TradeEntry,
    UploadEntry,
    WorkerEntry,
)
from ktrdr.api.store.operations import OperationType, Status
from ktrdr.indicators.catalogue import Indicator
from ktrdr.records import KINDS
from ktrdr.strategy.issues import Issue
from ktrdr.strategy.schema import Strategy


class Success(Shape):
    """The beginning of every answer except health and metrics."""

    success: Literal[True]


RESULTS: Final = """\
A training has training_metrics and test_metrics (accuracies and majority shares from 0 to 1), label_counts, warnings.

A backtest has trades (the first 500), equity_curve (at most 1,000 points), warm_up_bars (bars of the range without a
decision), warnings and metrics. A point of the curve has the bar's close, and the deepest drawdown since the point
before in drawdown_pct. All trades, and the equity at every bar, are at /trades and /equity. Of its metrics,
annualized_return, volatility and those that end in _pct are in percent; annualized_return_pct and volatility_pct are
further names of the first two. win_rate is a share from 0 to 1. volatility, sharpe_ratio and sortino_ratio are those of
the bars' returns, annualized by periods_per_year, the bars that the curve had a year on average. The deviation is that
of a sample.

A prediction has decisions, one for each bar: timestamp, close, signal (BUY, HOLD or SELL) and confidence from 0 to 1,
which is null where too few earlier bars are stored. decision is the newest of them.
"""


def _success(name: str, description: str, **fields: Any) -> Any:
    """Return the shape of an answer that begins with `success` and goes on with these fields."""
    more: Any = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, __base__=Success, __doc__=description, **more)


ANSWERS = (
    ErrorAnswer,
    HealthAnswer,
    _success("SymbolsAnswer", "The stored symbols.", data=list[SymbolEntry]),
    _success("TimeframesAnswer", "The timeframes.", data=list[TimeframeEntry]),
    _success("SeriesAnswer", "One stored series.", data=SeriesEntry),
    _success("UploadAnswer", "A series after an upload.", data=UploadEntry),
    _success("DataInfoAnswer", "What is stored.", data=DataInfoContent),
    _success("BarsAnswer", "A range of bars.", data=BarsContent),
    _success("IndicatorsAnswer", "The indicators.", data=list[Indicator]),
    _success("CategoriesAnswer", "The categories of indicators.", data=list[CategoryEntry]),
    _success("CalculatedAnswer", "Values of indicators.", data=CalculatedContent),
    _success("MembershipsAnswer", "The membership functions.", data=list[MembershipEntry]),
    _success(
        "StrategiesAnswer",
        "A page of strategies, and how many there are.",
        strategies=list[StrategyEntry],
        total_count=int,
    ),
    _success("StrategyAnswer", "A valid strategy with every default filled in.", strategy=Strategy),
    _success(
        "StrategyStoredAnswer",
        "A strategy that was stored; `models` were trained with what it replaced, and keep their own copy of it.",
        strategy_name=str,
        replaced=bool,
        models=int,
    ),
    _success("StrategyRemovedAnswer", "A strategy that was removed.", strategy_name=str),
    _success("ValidationAnswer", "The issues of a strategy.", valid=bool, strategy_name=str, issues=list[Issue]),
    _success(
        "ModelsAnswer",
        "A page of models, newest first, how many there are in all, and where the next page begins.",
        models=list[ModelEntry],
        total_count=int,
        next_offset=int | None,
    ),
    _success("ModelRemovedAnswer", "A model that was removed.", model_path=str),
    _success("ModelAnswer", "One model.", model=ModelEntry),
    _success("ModelStoredAnswer", "A model that was stored.", model_path=str),
    _success(
        "TrainingStartedAnswer",
        "A training that was queued; `task_id` is its operation's id.",
        task_id=str,
        status=Literal["training_started"],
        message=str,
    ),
    _success(
        "PerformanceAnswer",
        "The metrics of a completed training.",
        task_id=str,
        training_metrics=dict[str, Any],
        test_metrics=dict[str, Any],
        model_info=dict[str, Any],
    ),
    _success(
        "BacktestStartedAnswer", "A backtest that was queued.", operation_id=str, status=Literal["started"], message=str
    ),
    _success(
        "PredictionStartedAnswer",
        "A prediction that was queued.",
        operation_id=str,
        status=Literal["started"],
        message=str,
    ),
    _success(
        "OperationsAnswer",
        "A page of operations, newest first, and how many there are in all.",
        operations=list[OperationEntry],
        total_count=int,
    ),
    _success("OperationAnswer", "One operation.", operation=OperationEntry),
    _success(
        "OperationResultsAnswer",
        "The results of a completed operation.",
        operation_id=str,
        operation_type=OperationType,
        status=Literal["completed"],
        result_summary=Annotated[dict[str, Any] | None, Field(description=RESULTS)],
        results=Annotated[dict[str, Any] | None, Field(description="The same as result_summary.")],
    ),
    _success("EpochsAnswer", "A training by epoch, so far.", operation_id=str, epochs=list[EpochEntry]),
    _success("TradesAnswer", "Every trade of a backtest.", operation_id=str, trades=list[TradeEntry]),
    _success(
        "EquityAnswer",
        "The equity at the close of every bar of a backtest, after costs, in the quote currency.",
        operation_id=str,
        equity=list[EquityPoint],
    ),
    _success("RecordStoredAnswer", "A record of a backtest that was stored.", operation_id=str, record=Literal[KINDS]),
    _success(
        "CancelledAnswer",
        "An accepted cancellation; `status` stays running until the worker has stopped.",
        operation_id=str,
        status=Status,
        cancel_requested=Literal[True],
    ),
    _success(
        "RetriedAnswer",
        "The new operation that repeats another.",
        operation_id=str,
        retry_of=str,
        status=Literal["pending"],
    ),
    _success("OperationForgottenAnswer", "An operation that was removed.", operation_id=str),
    _success("CheckpointStoredAnswer", "The training whose checkpoint was kept.", operation_id=str),
    _success("WorkersAnswer", "The workers.", workers=list[WorkerEntry], total_count=int),
    _success("WorkerAnswer", "One worker.", worker=WorkerEntry),
    _success("WorkerNamedAnswer", "A worker that was removed.", worker_id=str),
    _success(
        "WorkerRegisteredAnswer",
        "A worker that was registered, and the token that its further requests carry.",
        worker_id=str,
        token=str,
    ),
    _success(
        "HeartbeatAnswer", "Whether to stop, and what to begin, if anything.", cancel=bool, operation=Assignment | None
    ),
)
