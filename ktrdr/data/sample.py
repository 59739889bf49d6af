"""A seeded generator of hourly FX-like bars, so that everything can be tried without a data subscription."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from ktrdr.data.bars import HEADER, Bar, Bars, iso

HOUR_S: Final = 3600
SUNDAY, FRIDAY, SATURDAY = 6, 4, 5
MARKET_OPENS_AND_CLOSES_AT: Final = 22
PRICE_DIGITS: Final = 5
SWING_PULL: Final = 0.09
"""Share of the distance to the present swing's target that an hour covers."""


def generate(year: int = 2023, *, seed: int = 7, start_price: float = 1.10) -> Bars:
    """Make the hourly bars of one year (about 6,200: the FX week runs Sunday 22:00 to Friday 22:00 UTC).

    Prices swing between targets that are a percent or so apart, with noise whose width follows the hour of
    the day: enough structure to learn something, never all of it.
    """
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    bars = Bars()
    price = target = start_price
    moment = datetime(year, 1, 1, tzinfo=UTC)
    while moment.year == year:
        if _is_open(moment):
            if abs(target - price) < 0.001 * price or dice.random() < 1 / 120:
                target = _next_target(dice, price, start_price)
            bar = _bar(dice, moment, price, target)
            price = bar.close
            bars.append(bar)
        moment += timedelta(hours=1)
    return bars


def to_csv(bars: Bars) -> str:
    """Write bars as the CSV text that the API takes."""
    lines = [HEADER]
    for time, row in zip(bars.times, bars.rows(), strict=True):
        lines.append(",".join((iso(time), *map(repr, row))))
    return "\n".join(lines) + "\n"


def _is_open(moment: datetime) -> bool:
    day, hour = moment.weekday(), moment.hour
    if day == SUNDAY:
        return hour >= MARKET_OPENS_AND_CLOSES_AT
    if day == FRIDAY:
        return hour < MARKET_OPENS_AND_CLOSES_AT
    return day != SATURDAY


def _next_target(dice: random.Random, price: float, anchor: float) -> float:
    pull_home = 0.3 * (anchor - price)
    return price + pull_home + dice.choice((-1, 1)) * dice.uniform(0.006, 0.018) * price


def _bar(dice: random.Random, moment: datetime, price: float, target: float) -> Bar:
    is_busy = 7 <= moment.hour < 17  # noqa: PLR2004  London opens, New York ends its morning
    width = price * (0.0011 if is_busy else 0.0006)
    close = price + SWING_PULL * (target - price) + dice.gauss(0, width)
    high = max(price, close) + abs(dice.gauss(0, width / 2))
    low = min(price, close) - abs(dice.gauss(0, width / 2))
    volume = float(round(dice.uniform(0.5, 1.5) * (4000 if is_busy else 1500)))
    open_, high, low, close = (round(value, PRICE_DIGITS) for value in (price, high, low, close))
    return Bar(int(moment.timestamp()), open_, high, low, close, volume)
