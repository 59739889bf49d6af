"""Whether a backtest walks bars that its model was trained on, and so says less than it seems to."""

from typing import Any

from ktrdr.data.bars import Bars, parse_time


def trained_on(metadata: dict[str, Any], symbol: str, bars: Bars) -> dict[str, Any]:
    """Return trained_start and trained_end, as a model's metadata tells them, and overlaps_training.

    That is whether bars of one of the model's symbols lie between them, both included: validation and test are
    of the training's bars too. All three are None where the metadata tells no such dates.
    """
    start, end = metadata.get("start_date"), metadata.get("end_date")
    try:
        first, last = parse_time(start), parse_time(end)  # type: ignore[arg-type]  # a TypeError is caught
    except (TypeError, ValueError, OverflowError):
        return {"trained_start": None, "trained_end": None, "overlaps_training": None}
    overlaps = symbol in metadata["symbols"] and any(first <= time <= last for time in bars.times)
    return {"trained_start": start, "trained_end": end, "overlaps_training": overlaps}
