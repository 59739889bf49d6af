"""Tells whether a backtest walks bars that its model was trained on: its result then overstates the model."""

from typing import Any

from ktrdr.data.bars import Bars, parse_time


def trained_on(metadata: dict[str, Any], symbol: str, bars: Bars) -> dict[str, Any]:
    """Return trained_start and trained_end of a model's metadata, and overlaps_training.

    It says whether bars of one of the model's symbols lie between the two dates, both included: the training's bars
    include validation and test. All three are None if the metadata has no such dates.
    """
    start, end = metadata.get("start_date"), metadata.get("end_date")
    try:
        first, last = parse_time(start), parse_time(end)  # type: ignore[arg-type]  # a TypeError is caught
    except (TypeError, ValueError, OverflowError):
        return {"trained_start": None, "trained_end": None, "overlaps_training": None}
    overlaps = symbol in metadata["symbols"] and any(first <= time <= last for time in bars.times)
    return {"trained_start": start, "trained_end": end, "overlaps_training": overlaps}
