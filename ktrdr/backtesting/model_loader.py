"""Loads a trained model, ready to decide."""

from pathlib import Path

from ktrdr.errors import InvalidError
from ktrdr.names import TIMEFRAMES
from ktrdr.strategy.checks import check
from ktrdr.training import model_store
from ktrdr.training.model_store import LoadedModel


def load_model(directory: Path) -> LoadedModel:
    """Load a model directory; InvalidError (code model_mismatch) if it is damaged or its strategy is invalid."""
    stored = model_store.load(directory)
    name = str(stored.metadata.get("strategy_name"))
    strategy, issues = check(stored.config.get("strategy"), name)
    if strategy is None:
        message = f"Model {directory.name} holds a strategy that is not valid: {issues[0].message}. Train it again."
        raise InvalidError("model_mismatch", message)
    timeframes = stored.metadata.get("timeframes")
    if not isinstance(timeframes, list) or not timeframes or not set(map(str, timeframes)) <= set(TIMEFRAMES):
        message = f"Model {directory.name} names no timeframes it was trained on. Train it again."
        raise InvalidError("model_mismatch", message)
    if stored.config["model"] != strategy.model.flat():
        message = f"Model {directory.name} holds another network than its strategy asks for. Train it again."
        raise InvalidError("model_mismatch", message)
    return LoadedModel(stored, strategy, tuple(timeframes))
