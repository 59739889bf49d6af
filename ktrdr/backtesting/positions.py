"""Money and positions: always all in, long or short, costs applied to every fill. Torch-free."""

from dataclasses import asdict, dataclass
from typing import Any

from ktrdr.data.bars import iso


@dataclass(frozen=True)
class Trade:
    """A closed position: times in epoch seconds, `profit` in the quote currency after all costs."""

    direction: int
    entry_time: int
    exit_time: int
    entry_price: float
    exit_price: float
    profit: float
    return_pct: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        times = {"entry_time": iso(self.entry_time), "exit_time": iso(self.exit_time)}
        return {**asdict(self), **times, "direction": "long" if self.direction > 0 else "short"}


@dataclass
class Account:
    """Cash in the quote currency and the units held (below zero when short).

    `commission` and `slippage` are shares of the traded value: the first is paid, the second worsens the price.
    """

    cash: float
    commission: float
    slippage: float
    units: float = 0.0
    _entry: tuple[int, float, float] | None = None

    @property
    def direction(self) -> int:
        """1 when long, -1 when short, 0 when flat."""
        return (self.units > 0) - (self.units < 0)

    def equity(self, price: float) -> float:
        """Return what everything is worth at a price."""
        return self.cash + self.units * price

    def turn(self, direction: int, time: int, price: float) -> Trade | None:
        """Hold `direction` from now on; return the trade that this closes, if it closes one."""
        closed = self._close(time, price) if self.units else None
        if direction and self.cash > 0:
            fill = price * (1 + self.slippage * direction)
            self._entry = (time, fill, self.cash)
            units = direction * self.cash / (fill * (1 + self.commission))
            self._trade(units, fill)
        return closed

    def _close(self, time: int, price: float) -> Trade:
        direction = self.direction
        entry_time, entry_price, before = self._entry or (time, price, self.cash)
        fill = price * (1 - self.slippage * direction)
        self._trade(-self.units, fill)
        self.units = 0.0
        profit = self.cash - before
        return Trade(direction, entry_time, time, entry_price, fill, profit, 100 * profit / before)

    def _trade(self, units: float, fill: float) -> None:
        self.units += units
        self.cash -= units * fill + abs(units) * fill * self.commission
