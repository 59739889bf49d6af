"""Starts predictions: a model's decisions on the newest stored bars.

A worker computes them, by the code of its backtests and with torch: so a decision is the backtest's to the bit, and
the backend stays free of anything numeric.
"""

from typing import TYPE_CHECKING, Any

from ktrdr.api.services.backtest_service import timeframes_of
from ktrdr.api.services.requests import Found, OverModels, require_bars
from ktrdr.api.services.training_service import require_room
from ktrdr.data.bars import iso
from ktrdr.data.resample import ratio
from ktrdr.errors import BadRequestError, NotFoundError
from ktrdr.strategy.history import history

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy


class PredictionService(OverModels):
    """Predictions as operations."""

    def start(self, model: str, symbol: str | None, bars: int) -> str:
        """Queue a prediction on the newest `bars` bars of the model's finest timeframe; return its id.

        NotFoundError if there is no such model. BadRequestError if the model cannot be used, if no symbol is named and
        it was trained on several, or if bars are missing or too many. UnavailableError without a backtest worker.
        """
        metadata = self.models.directory.metadata(model)
        timeframes = timeframes_of(model, metadata)
        strategy, changed = self._strategy(model, metadata["strategy_name"])
        symbol = symbol or _only(metadata["symbols"])
        found = self._require_bars(strategy, symbol, timeframes)
        source = found.made_of.get(timeframes[0], timeframes[0])
        last = self.data.describe(symbol, source).last
        first = self.data.bars_before(symbol, source, last, (bars - 1) * ratio(source, timeframes[0]))
        request = {
            "strategy_name": strategy.name,
            "symbol": symbol,
            "timeframe": timeframes[0],
            "start_date": iso(first),
            "end_date": iso(last),
            "model": model,
            "strategy_changed": changed,
        }
        if found.made_of:
            request["made_of"] = {symbol: found.made_of}
        return self.dispatcher.enqueue("prediction", request)

    def _strategy(self, model: str, name: str) -> "tuple[Strategy, bool]":
        """Return the model's own copy of its strategy, and whether that was replaced since."""
        from ktrdr.strategy.checks import check  # noqa: PLC0415  the API starts faster without the models

        own, issues = check(self.models.directory.config(model).get("strategy"), name)
        if own is None:
            message = f"Model {model} holds no valid strategy ({issues[0].message}); train it again."
            raise BadRequestError("bad_model", message)
        try:
            present, _ = self.strategies.check(name)
        except NotFoundError:  # it was removed
            return own, False
        return own, present is None or present.model_copy(update={"description": own.description}) != own

    def _require_bars(self, strategy: "Strategy", symbol: str, timeframes: list[str]) -> Found:
        whole: dict[str, Any] = {"start_date": None, "end_date": None}
        found = require_bars(self.data, symbol, timeframes, whole, 1)
        needed = {timeframe: history(strategy, timeframe) for timeframe in timeframes}
        if None in needed.values():  # the worker reads all bars
            require_room(strategy, {symbol: found.bars})
        return found


def _only(symbols: list[str]) -> str:
    if len(symbols) == 1:
        return symbols[0]
    message = f"The model was trained on {len(symbols)} symbols; name one of them as symbol, or another."
    raise BadRequestError("no_symbol", message, {"symbols": symbols[:20]})
