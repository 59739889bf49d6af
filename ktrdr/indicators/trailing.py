"""Lines that trail the price until it crosses them. Which side they are on depends on all bars from the first one.

`direction` is 1 while the line lies below the price, -1 while it lies above. supertrend follows pandas-ta (overlap/
supertrend.py), parabolic_sar TA-Lib (ta_SAR.c, after Wilder, New Concepts in Technical Trading Systems, 1978).
"""

from collections.abc import Callable
from typing import Final

from ktrdr.data.bars import Bars
from ktrdr.indicators.columns import (
    NAN,
    Columns,
    Parameters,
    from_the_second,
    packed,
    true_ranges,
    unknown,
    wilder,
)
from ktrdr.stopping import asking


def _supertrend(bars: Bars, parameters: Parameters) -> Columns:
    ranges = from_the_second(bars, wilder(true_ranges(bars), int(parameters["period"])))
    line, directions = packed(()), packed(())
    upper = lower = NAN
    direction = 1.0
    for high, low, close, span in zip(asking(bars.highs), bars.lows, bars.closes, ranges, strict=True):
        middle, reach = (high + low) / 2, parameters["multiplier"] * span
        upper_before, lower_before, upper, lower = upper, lower, middle + reach, middle - reach
        if close > upper_before or close < lower_before:
            direction = 1.0 if close > upper_before else -1.0
        elif direction > 0 and lower < lower_before:
            lower = lower_before
        elif direction < 0 and upper > upper_before:
            upper = upper_before
        line.append(lower if direction > 0 else upper)
        directions.append(direction if span == span else NAN)  # noqa: PLR0124  NaN alone differs from itself
    return {"direction": directions, "supertrend": line}


def _parabolic_sar(bars: Bars, parameters: Parameters) -> Columns:
    most = parameters["maximum"]
    least = min(parameters["acceleration"], most)
    if len(bars) < 2:  # noqa: PLR2004  the first two bars tell the first side
        return {name: unknown(len(bars)) for name in ("direction", "sar")}
    rise, fall = bars.highs[1] - bars.highs[0], bars.lows[0] - bars.lows[1]
    direction = -1.0 if fall > 0 and fall > rise else 1.0
    # Times the direction, prices always rise: `near` is then a bar's side at the line, `far` the other one.
    line, extreme, step = _sides(bars, 0, direction)[0], _sides(bars, 1, direction)[1], least
    column, directions = unknown(1), unknown(1)
    for place in asking(range(1, len(bars))):
        (near_before, far_before), (near, far) = (_sides(bars, at, direction) for at in (max(place - 1, 1), place))
        if near <= line:
            direction = -direction
            line = min(-extreme, -far_before, -far)
            column.append(line * direction)
            extreme, step = -near, least
            line = min(line + step * (extreme - line), -far_before, -far)
        else:
            column.append(line * direction)
            if far > extreme:
                extreme, step = far, min(step + least, most)
            line = min(line + step * (extreme - line), near_before, near)
        directions.append(direction)
    return {"direction": directions, "sar": column}


def _sides(bars: Bars, place: int, direction: float) -> tuple[float, float]:
    """Return a bar's near and far side, times the direction: low and high in a rise, high and low in a fall."""
    high, low = bars.highs[place], bars.lows[place]
    return (low, high) if direction > 0 else (-high, -low)


FUNCTIONS: Final[dict[str, Callable[[Bars, Parameters], Columns]]] = {
    "supertrend": _supertrend,
    "parabolic_sar": _parabolic_sar,
}
