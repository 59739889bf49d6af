"""Cash and positions: always fully invested, long or short, with costs on every fill. Torch-free."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from ktrdr.data.bars import iso
from ktrdr.data.block import isos


@dataclass(frozen=True)
class Trade:
    """A closed position: times in epoch seconds, money in the quote currency.

    The prices are those of the fills, slippage included: `profit` is the gain of `units` (always above zero) between
    them less `commission`. `slippage` is what the worse fills cost; it is not a further cost.
    """

    direction: int
    entry_time: int
    exit_time: int
    entry_price: float
    exit_price: float
    units: float
    commission: float
    slippage: float
    profit: float
    return_pct: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        times = {"entry_time": iso(self.entry_time), "exit_time": iso(self.exit_time)}
        return {**asdict(self), **times, "direction": "long" if self.direction > 0 else "short"}

    def as_row(self) -> str:
        """Return the values of `as_json` as a line of CSV, in its order, without its end."""
        _, entered, left, *amounts = (getattr(self, name) for name in FIELDS)
        return ",".join(("long" if self.direction > 0 else "short", *isos((entered, left)), *map(str, amounts)))


FIELDS: Final = tuple(field.name for field in fields(Trade))


@dataclass(frozen=True)
class _Entry:
    time: int
    fill: float
    cash: float
    commission: float
    slippage: float


@dataclass
class Account:
    """Cash in the quote currency and the units held (below zero when short).

    `commission` and `slippage` are shares of the traded value: the first is paid, the second worsens the price.
    """

    cash: float
    commission: float
    slippage: float
    units: float = 0.0
    _entry: _Entry | None = None

    @property
    def direction(self) -> int:
        """1 when long, -1 when short, 0 when flat."""
        return (self.units > 0) - (self.units < 0)

    def equity(self, price: float) -> float:
        """Return the value of cash and position at a price."""
        return self.cash + self.units * price

    def turn(self, direction: int, time: int, price: float) -> Trade | None:
        """Hold `direction` from now on; return the trade that this closes, if any. No cash, no position."""
        closed = self._close(self._entry, time, price) if self._entry else None
        fill = price * (1 + self.slippage * direction)
        if direction and self.cash > 0 and fill > 0:
            before = self.cash
            units = direction * self.cash / (fill * (1 + self.commission))
            paid = self._trade(units, fill)
            self._entry = _Entry(time, fill, before, paid, abs(units) * abs(fill - price))
        return closed

    def _close(self, entry: _Entry, time: int, price: float) -> Trade:
        direction, units = self.direction, abs(self.units)
        fill = price * (1 - self.slippage * direction)
        paid = entry.commission + self._trade(-self.units, fill)
        slipped = entry.slippage + units * abs(fill - price)
        self.units, self._entry = 0.0, None
        profit = self.cash - entry.cash
        return Trade(
            direction=direction,
            entry_time=entry.time,
            exit_time=time,
            entry_price=entry.fill,
            exit_price=fill,
            units=units,
            commission=paid,
            slippage=slipped,
            profit=profit,
            return_pct=100 * profit / entry.cash,
        )

    def _trade(self, units: float, fill: float) -> float:
        paid = abs(units) * fill * self.commission
        self.units += units
        self.cash -= units * fill + paid
        return paid
