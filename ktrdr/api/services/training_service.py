"""Starting trainings and telling how they went. Nothing here computes: a worker does."""

from typing import Any, Final

from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.services.requests import require_bars, require_strategy
from ktrdr.api.store import operations
from ktrdr.data.files import DataDirectory
from ktrdr.errors import BadRequestError, ConflictError, NotFoundError
from ktrdr.strategy.files import StrategyDirectory

FEWEST_BARS: Final = 300
PERFORMANCE: Final = ("training_metrics", "test_metrics", "model_info")


class TrainingService:
    """Trainings as operations."""

    def __init__(self, dispatcher: Dispatcher, strategies: StrategyDirectory, data: DataDirectory) -> None:
        self._dispatcher = dispatcher
        self._strategies = strategies
        self._data = data

    def start(self, request: dict[str, Any]) -> str:
        """Queue a training and return its id.

        The request holds strategy_name, symbols and timeframes (empty lists mean the strategy's own),
        start_date and end_date. BadRequestError for a strategy or data that will not do,
        UnavailableError where no training worker has registered.
        """
        strategy = require_strategy(self._strategies, request["strategy_name"])
        symbols = request["symbols"] or list(strategy.symbols)
        timeframes = request["timeframes"] or list(strategy.timeframes)
        named = {timeframe for item in strategy.nn_inputs for timeframe in item.timeframes}
        if missing := sorted(named - set(timeframes)):
            raise BadRequestError("bad_timeframes", f"Strategy {strategy.name} needs timeframe {missing[0]} too.")
        fewest = FEWEST_BARS + strategy.history_required
        for symbol in symbols:
            require_bars(self._data, symbol, timeframes, request, fewest)
        document = self._strategies.document(strategy.name)
        full = {**request, "symbols": symbols, "timeframes": timeframes, "strategy": document}
        return self._dispatcher.enqueue("training", full)

    def performance(self, task_id: str) -> dict[str, Any]:
        """Return training_metrics, test_metrics and model_info; ConflictError before the training is completed."""
        with self._dispatcher.database.transaction() as db:
            row = operations.get(db, task_id)
        if row is None or row["operation_type"] != "training":
            raise NotFoundError("no_training", f"No training {task_id}.")
        operation = operations.as_json(row)
        if operation["status"] != "completed":
            details = {"status": operation["status"], "progress": operation["progress"]}
            raise ConflictError("not_completed", f"Training {task_id} is {operation['status']}.", details)
        return {key: operation["result_summary"][key] for key in PERFORMANCE}
