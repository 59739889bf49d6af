"""Starts backtests. The computing is done by workers."""

from typing import Any, Final

from ktrdr.api.services.dispatch import Dispatcher
from ktrdr.api.services.model_index import ModelIndex
from ktrdr.api.services.requests import read_range, require_bars, require_strategy, trained_with
from ktrdr.backtesting.hindsight import training_range
from ktrdr.data.files import DataDirectory
from ktrdr.errors import BadRequestError
from ktrdr.names import TIMEFRAMES
from ktrdr.strategy.files import StrategyDirectory

FEWEST_BARS: Final = 50


class BacktestService:
    """Backtests as operations."""

    def __init__(
        self, dispatcher: Dispatcher, strategies: StrategyDirectory, data: DataDirectory, models: ModelIndex
    ) -> None:
        self._dispatcher = dispatcher
        self._strategies = strategies
        self._data = data
        self._models = models

    def start(self, request: dict[str, Any]) -> str:
        """Queue a backtest and return its id.

        The request holds strategy_name, symbol, timeframe, start_date, end_date, initial_capital, commission and
        slippage (shares of the traded value) and model_path (empty means the strategy's newest model).
        BadRequestError or NotFoundError for an unusable request, UnavailableError if no backtest worker has
        registered.
        """
        strategy = require_strategy(self._strategies, request["strategy_name"])
        model = self._model(request["model_path"], strategy.name)
        metadata = self._models.directory.metadata(model)
        timeframes = timeframes_of(model, metadata)
        if request["timeframe"] != timeframes[0]:
            message = f"Model {model} decides on {timeframes[0]} bars, not on {request['timeframe']}."
            raise BadRequestError("bad_timeframe", message)
        trained = trained_with(self._models.directory, model, strategy)
        history = trained.training_data.history_required
        require_bars(self._data, request["symbol"], timeframes, request, FEWEST_BARS + history, history=history)
        told = {
            "overlaps_training": self._overlaps_training(metadata, request),
            "strategy_changed": trained != strategy,
        }
        return self._dispatcher.enqueue("backtesting", {**request, "model": model, **told})

    def _overlaps_training(self, metadata: dict[str, Any], request: dict[str, Any]) -> bool | None:
        """Return whether the range has bars that the model was trained on; None if its metadata has no dates."""
        trained = training_range(metadata)
        if trained is None or request["symbol"] not in metadata["symbols"]:
            return None if trained is None else False
        start, end = read_range(request["start_date"], request["end_date"])
        first, stop = trained[0], trained[1] + 1
        common = max(first, start or first), min(stop, end or stop)
        return self._data.count(request["symbol"], request["timeframe"], *common) > 0

    def _model(self, model_path: str | None, strategy_name: str) -> str:
        if model_path:
            name = model_path.removeprefix("models/").rstrip("/")
            trained_with = self._models.directory.metadata(name)["strategy_name"]
            if trained_with != strategy_name:
                message = f"Model {name} was trained with strategy {trained_with}, not with {strategy_name}."
                raise BadRequestError("other_strategy", message)
            return name
        return self._models.newest(strategy_name)


def timeframes_of(model: str, metadata: dict[str, Any]) -> list[str]:
    """Return the timeframes that a model was trained on; it decides on the first, the finest."""
    trained_on = set(metadata["timeframes"])
    if not trained_on or not trained_on <= set(TIMEFRAMES):
        raise BadRequestError("bad_model", f"Model {model} names no timeframes it was trained on; train it again.")
    return [timeframe for timeframe in TIMEFRAMES if timeframe in trained_on]
