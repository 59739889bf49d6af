"""The three decisions, in the order of the network's outputs."""

from enum import IntEnum


class Signal(IntEnum):
    """What to do at a bar."""

    SELL = 0
    HOLD = 1
    BUY = 2
