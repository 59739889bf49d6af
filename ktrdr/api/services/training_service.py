"""Starts trainings and reports their metrics. The computing is done by workers."""

import json
from typing import TYPE_CHECKING, Any, Final

from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.services.requests import require_bars, require_memory, require_strategy
from ktrdr.api.store import operations
from ktrdr.data.files import DataDirectory
from ktrdr.errors import BadRequestError, ConflictError, NotFoundError
from ktrdr.strategy.files import StrategyDirectory
from ktrdr.strategy.history import history
from ktrdr.strategy.size import training_bytes

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

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
        start_date and end_date. BadRequestError for an unusable strategy or data, or for more data than a worker has
        memory for; UnavailableError if no training worker has registered.
        """
        strategy = require_strategy(self._strategies, request["strategy_name"])
        symbols = list(dict.fromkeys(request["symbols"] or strategy.training_data.symbols))
        timeframes = list(dict.fromkeys(request["timeframes"] or strategy.training_data.timeframes))
        named = {timeframe for item in strategy.nn_inputs for timeframe in item.timeframes}
        if missing := sorted(named - set(timeframes)):
            raise BadRequestError("bad_timeframes", f"Strategy {strategy.name} needs timeframe {missing[0]} too.")
        fewest = FEWEST_BARS + strategy.training_data.history_required
        found = {symbol: require_bars(self._data, symbol, timeframes, request, fewest) for symbol in symbols}
        if any(history(strategy, timeframe) is None for timeframe in timeframes):  # the worker reads all earlier bars
            whole = {**request, "start_date": None}
            found = {symbol: require_bars(self._data, symbol, timeframes, whole, fewest) for symbol in symbols}
        require_room(strategy, {symbol: one.bars for symbol, one in found.items()})
        document = self._strategies.document(strategy.name)
        full = {**request, "symbols": symbols, "timeframes": timeframes, "strategy": document}
        if made_of := {symbol: one.made_of for symbol, one in found.items() if one.made_of}:
            full["made_of"] = made_of
        return self._dispatcher.enqueue("training", full)

    def performance(self, task_id: str) -> dict[str, Any]:
        """Return training_metrics, test_metrics and model_info; ConflictError before the training is completed."""
        with self._dispatcher.database.transaction() as db:
            row = operations.get(db, task_id)
        if row is None or row["operation_type"] != "training":
            raise NotFoundError("no_training", f"No training {task_id}.")
        if row["status"] != "completed":
            details = {"status": row["status"], "progress": json.loads(row["progress"])}
            raise ConflictError("not_completed", f"Training {task_id} is {row['status']}.", details)
        summary = json.loads(row["result_summary"] or "{}")
        return {key: summary[key] if isinstance(summary.get(key), dict) else {} for key in PERFORMANCE}


def require_room(strategy: "Strategy", bars: dict[str, dict[str, int]]) -> None:
    """Raise BadRequestError if these bars, counted by symbol and timeframe, take more memory than a worker has."""
    require_memory(training_bytes(strategy, bars), sum(sum(counts.values()) for counts in bars.values()))
