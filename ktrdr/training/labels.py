"""The correct decision at each bar, determined with hindsight from the given bars alone.

Pass each part of a split separately: then no label of the training part uses a price of another part. A bar whose label
would need bars after the last one has none (None).
"""

from collections.abc import Sequence

from ktrdr.signals import Signal
from ktrdr.stopping import asking
from ktrdr.strategy.schema import Labels

Label = Signal | None


def label(closes: Sequence[float], settings: Labels) -> list[Label]:
    """Return a label for every close, of the kind that the settings name."""
    if settings.type == "forward_return":
        return forward_return(closes, settings.horizon, settings.threshold)
    return zigzag(closes, settings.threshold)


def forward_return(closes: Sequence[float], horizon: int, threshold: float) -> list[Label]:
    """Label by the relative move over the next `horizon` bars: beyond the threshold is BUY or SELL."""
    known: list[Label] = [
        _decide(later / now - 1, threshold) for now, later in zip(asking(closes), closes[horizon:], strict=False)
    ]
    return known + [None] * (len(closes) - len(known))


def zigzag(closes: Sequence[float], threshold: float) -> list[Label]:
    """Label by the remaining relative move to the end of the present swing.

    A swing ends where the price turns by more than the threshold. The last swing has not ended and has no labels.
    """
    labels: list[Label] = []
    for turn in turns(closes, threshold):
        end = closes[turn]
        labels.extend(_decide(end / close - 1, threshold) for close in closes[len(labels) : turn])
    return labels + [None] * (len(closes) - len(labels))


def turns(closes: Sequence[float], threshold: float) -> list[int]:
    """Return the positions of the highs and lows that a move of more than `threshold` has confirmed."""
    found: list[int] = []
    if not closes:
        return found
    high = low = 0
    rising: bool | None = None
    for position, close in enumerate(asking(closes)):
        if close > closes[high]:
            high = position
        if close < closes[low]:
            low = position
        if rising is not False and close < closes[high] * (1 - threshold):
            found.append(high)
            rising, low = False, position
            high = position
        elif rising is not True and close > closes[low] * (1 + threshold):
            found.append(low)
            rising, high = True, position
            low = position
    return found


def _decide(move: float, threshold: float) -> Signal:
    if move > threshold:
        return Signal.BUY
    return Signal.SELL if move < -threshold else Signal.HOLD
