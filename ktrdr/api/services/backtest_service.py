"""Starts backtests. The computing is done by workers."""

from typing import TYPE_CHECKING, Any, Final

from ktrdr.api.services.requests import (
    Found,
    OverModels,
    read_range,
    require_bars,
    require_memory,
    require_strategy,
    trained_with,
)
from ktrdr.backtesting.hindsight import training_range
from ktrdr.data.resample import ratio
from ktrdr.errors import BadRequestError
from ktrdr.names import TIMEFRAMES
from ktrdr.strategy.history import history as history_needed
from ktrdr.strategy.size import backtest_bytes

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

FEWEST_BARS: Final = 50


class BacktestService(OverModels):
    """Backtests as operations."""

    def start(self, request: dict[str, Any]) -> str:
        """Queue a backtest and return its id.

        The request holds strategy_name, symbol, timeframe, start_date, end_date, initial_capital, commission and
        slippage (shares of the traded value) and model_path (empty means the strategy's newest model).
        BadRequestError or NotFoundError for an unusable request, UnavailableError if no backtest worker has
        registered.
        """
        strategy = require_strategy(self.strategies, request["strategy_name"])
        model = self._model(request["model_path"], strategy.name)
        metadata = self.models.directory.metadata(model)
        timeframes = timeframes_of(model, metadata)
        if request["timeframe"] != timeframes[0]:
            message = f"Model {model} decides on {timeframes[0]} bars, not on {request['timeframe']}."
            raise BadRequestError("bad_timeframe", message)
        trained = trained_with(self.models.directory, model, strategy)
        history = trained.training_data.history_required
        symbol, fewest = request["symbol"], FEWEST_BARS + history
        found = require_bars(self.data, symbol, timeframes, request, fewest, history=history)
        bars = self._with_history(trained, request, found)
        require_memory(backtest_bytes(trained, bars), sum(bars.values()))
        told = {
            "overlaps_training": self._overlaps_training(metadata, request, found.made_of),
            "strategy_changed": trained != strategy,
        }
        made_of = {"made_of": {symbol: found.made_of}} if found.made_of else {}
        return self.dispatcher.enqueue("backtesting", {**request, **made_of, "model": model, **told})

    def _with_history(self, strategy: "Strategy", request: dict[str, Any], found: Found) -> dict[str, int]:
        """Return how many bars of each timeframe the worker reads: with those before the range."""
        start, end = read_range(request["start_date"], request["end_date"])
        bars = dict(found.bars)
        for timeframe in bars:
            source = found.made_of.get(timeframe, timeframe)
            before = history_needed(strategy, timeframe)
            if before is None:
                bars[timeframe] = self.data.count(request["symbol"], source, None, end) // ratio(source, timeframe)
            elif start is not None:
                bars[timeframe] += before
        return bars

    def _overlaps_training(
        self, metadata: dict[str, Any], request: dict[str, Any], made_of: dict[str, str]
    ) -> bool | None:
        """Return whether the range has bars that the model was trained on; None if its metadata has no dates."""
        trained = training_range(metadata)
        if trained is None or request["symbol"] not in metadata["symbols"]:
            return None if trained is None else False
        start, end = read_range(request["start_date"], request["end_date"])
        first, stop = trained[0], trained[1] + 1
        common = max(first, start or first), min(stop, end or stop)
        source = made_of.get(request["timeframe"], request["timeframe"])
        return self.data.count(request["symbol"], source, *common) > 0

    def _model(self, model_path: str | None, strategy_name: str) -> str:
        if model_path:
            name = model_path.removeprefix("models/").rstrip("/")
            trained_with = self.models.directory.metadata(name)["strategy_name"]
            if trained_with != strategy_name:
                message = f"Model {name} was trained with strategy {trained_with}, not with {strategy_name}."
                raise BadRequestError("other_strategy", message)
            return name
        return self.models.newest(strategy_name)


def timeframes_of(model: str, metadata: dict[str, Any]) -> list[str]:
    """Return the timeframes that a model was trained on; it decides on the first, the finest."""
    trained_on = set(metadata["timeframes"])
    if not trained_on or not trained_on <= set(TIMEFRAMES):
        raise BadRequestError("bad_model", f"Model {model} names no timeframes it was trained on; train it again.")
    return [timeframe for timeframe in TIMEFRAMES if timeframe in trained_on]
