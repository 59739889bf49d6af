"""How many earlier bars an indicator's value depends on."""

from collections.abc import Callable, Mapping
from typing import Final

from ktrdr.indicators.catalogue import CATALOGUE

FADED: Final = 60
"""A mean of weight w has forgotten its start after this many times 1 / w bars: less than its last digit is left."""


def bars_needed(kind: str, parameters: Mapping[str, float]) -> int | None:
    """Return how many earlier bars an output depends on; None for an indicator that depends on all of them."""
    rule = _NEEDED[kind]
    defaults = {parameter.name: parameter.default for parameter in CATALOGUE[kind].parameters}
    return rule({**defaults, **parameters}) if rule else None


def _period(parameters: Mapping[str, float]) -> int:
    return int(parameters["period"])


def _ema(period: float) -> int:
    return int(period + FADED * (period + 1) / 2)


def _wilder(period: float) -> int:
    return int((1 + FADED) * period) + 1


def _wilders(parameters: Mapping[str, float]) -> int:
    return _wilder(parameters["period"])


def _ichimoku(parameters: Mapping[str, float]) -> int:
    longest = max(parameters[name] for name in ("tenkan_period", "kijun_period", "senkou_b_period"))
    return int(longest + parameters["displacement"])


_NEEDED: Final[dict[str, Callable[[Mapping[str, float]], int] | None]] = {
    "rsi": _wilders,
    "roc": _period,
    "stochastic": lambda parameters: int(parameters["period"] + parameters["smooth_period"]),
    "sma": _period,
    "ema": lambda parameters: _ema(parameters["period"]),
    "macd": lambda parameters: _ema(parameters["slow_period"]) + _ema(parameters["signal_period"]),
    "adx": lambda parameters: 2 * _wilders(parameters),
    "bollinger_bands": _period,
    "atr": _wilders,
    "obv": None,
    "cci": _period,
    "mfi": _period,
    "williams_r": _period,
    "aroon": _period,
    "ichimoku": _ichimoku,
    "keltner": lambda parameters: max(_ema(parameters["period"]), _wilder(parameters["atr_period"])),
    "donchian": _period,
    "supertrend": None,
    "vwap": _period,
    "parabolic_sar": None,
}
