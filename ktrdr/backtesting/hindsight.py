"""What to know of a backtest's result: bars that its model was trained on, and bars without a decision."""

from typing import Any

from ktrdr.data.bars import Bars, parse_time


def trained_on(metadata: dict[str, Any], symbol: str, bars: Bars) -> dict[str, Any]:
    """Return trained_start and trained_end of a model's metadata, and overlaps_training.

    It says whether bars of one of the model's symbols lie between the two dates, both included: the training's bars
    include validation and test. All three are None if the metadata has no such dates.
    """
    trained = training_range(metadata)
    if trained is None:
        return {"trained_start": None, "trained_end": None, "overlaps_training": None}
    first, last = trained
    overlaps = symbol in metadata["symbols"] and any(first <= time <= last for time in bars.times)
    dates = {"trained_start": metadata["start_date"], "trained_end": metadata["end_date"]}
    return {**dates, "overlaps_training": overlaps}


def training_range(metadata: dict[str, Any]) -> tuple[int, int] | None:
    """Return the first and the last bar of a model's training (epoch seconds); None if its metadata has no dates."""
    try:
        return parse_time(metadata.get("start_date")), parse_time(metadata.get("end_date"))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def overlap_warnings(config: dict[str, Any]) -> list[str]:
    """Return what to know of a backtest whose `config` holds what `trained_on` says."""
    if not config["overlaps_training"]:
        return []
    days = f"{config['trained_start'][:10]} to {config['trained_end'][:10]}"
    return [f"The model was trained on bars of this range ({days}): the result says nothing of other bars."]


def strategy_warnings(config: dict[str, Any]) -> list[str]:
    """Return what to know of decisions by a model whose strategy was replaced since (`strategy_changed`)."""
    if not config.get("strategy_changed"):
        return []
    name = config["strategy_name"]
    return [f"{name} was replaced after this training: these are its earlier version's decisions. Train it again."]


def warm_up_warnings(undecided: int, walked: int) -> list[str]:
    """Return what to know of a backtest that walked bars without a decision on `undecided` of them."""
    if not undecided:
        return []
    reason = "too few earlier bars are stored for the indicators and history_required"
    if undecided == walked:
        return [f"No bar was decided on, so there are no trades: {reason}."]
    return [f"{undecided} of {walked} bars were not decided on: {reason}."]
