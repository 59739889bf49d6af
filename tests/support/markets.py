"""Bars of markets, ordinary and adversarial, over which indicators are compared with those of others."""

import random
from collections.abc import Callable, Iterable
from typing import Final

from ktrdr.data.bars import Bar, Bars

COUNT: Final = 3000


def bars_of(closes: Iterable[float], dice: random.Random, *, jump: float = 0.0, volume: float = 1e4) -> Bars:
    """Bars whose closes are given, each opening within `jump` (a share) of the close before it."""
    bars = Bars()
    before = None
    for hour, close in enumerate(closes):
        open_ = (before or close) * (1 + dice.uniform(-jump, jump))
        high = max(open_, close) * (1 + abs(dice.gauss(0, 0.002)))
        low = min(open_, close) * (1 - abs(dice.gauss(0, 0.002)))
        bars.append(Bar(3600 * hour, open_, high, low, close, float(round(volume * dice.random()))))
        before = close
    return bars


def walk(dice: random.Random, width: float, start: float = 100.0) -> list[float]:
    closes = [start]
    for _ in range(COUNT - 1):
        closes.append(closes[-1] * (1 + max(dice.gauss(0, width), -0.5)))
    return closes


def with_flat_stretches(dice: random.Random) -> list[float]:
    closes = walk(dice, 0.01)
    for start in range(0, COUNT, 90):
        closes[start : start + 25] = [closes[start]] * len(closes[start : start + 25])
    return closes


MARKETS: Final[dict[str, Callable[[random.Random], Bars]]] = {
    "random": lambda dice: bars_of(walk(dice, 0.01), dice),
    "calm": lambda dice: bars_of(walk(dice, 1e-5, 1.1), dice),
    "wild": lambda dice: bars_of(walk(dice, 0.15, 5000.0), dice, jump=0.3),
    "gaps": lambda dice: bars_of(walk(dice, 0.01), dice, jump=0.2),
    "trend": lambda dice: bars_of((50 + 0.1 * place + dice.random() for place in range(COUNT)), dice),
    "zigzag": lambda dice: bars_of((100.0 + place % 2 for place in range(COUNT)), dice),
    "flat stretches": lambda dice: bars_of(with_flat_stretches(dice), dice),
    "no volume": lambda dice: bars_of(walk(dice, 0.01), dice, volume=0.0),
    "tiny prices": lambda dice: bars_of(walk(dice, 0.01, 1e-3), dice),
    "huge prices": lambda dice: bars_of(walk(dice, 0.01, 1e9), dice),
}
