"""The indicators of the original ktrdr's strategies, and what each is called here. Data only; `convert` reads it.

The original is the project kpiteira/ktrdr on GitHub; its grammar was read from the strategies that it has published.
"""

from dataclasses import dataclass, field
from typing import Final

MEAN_RANGE: Final = "its average true range is a plain mean there, Wilder's here"
START: Final = "its mean starts from the first value there, from a mean of the first period here"


@dataclass(frozen=True)
class Kind:
    """An indicator: its type here, their names of parameters and outputs with ours, and how its values differ.

    The first output is what they read where none is named; without outputs it is our default one.
    """

    type: str
    parameters: dict[str, str] = field(default_factory=lambda: {"period": "period"})
    outputs: dict[str, str] = field(default_factory=dict)
    differs: str = ""


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_LINES: Final = _same("upper", "middle", "lower")
_PERIOD: Final = _same("period")
_FAST: Final = {
    "fast_period": "fast_period", "slow_period": "slow_period", "signal_period": "signal_period",
    "fast": "fast_period", "slow": "slow_period", "signal": "signal_period",
}  # fmt: skip
_BANDS: Final = {"period": "period", "multiplier": "multiplier", "std_dev": "multiplier"}

KINDS: Final = {
    "rsi": Kind("rsi"),
    "roc": Kind("roc"),
    "stochastic": Kind("stochastic", {"k_period": "period", **_same("d_period", "smooth_k")}, _same("k", "d")),
    "sma": Kind("sma"),
    "ema": Kind("ema", differs=START),
    "macd": Kind("macd", _FAST, _same("line", "signal", "histogram"), START),
    "adx": Kind("adx", outputs=_same("adx", "plus_di", "minus_di"), differs=START),
    "bbands": Kind("bollinger_bands", _BANDS, _LINES),
    "bollingerbandwidth": Kind("bollinger_bands", _BANDS, {"width": "width"}),
    "atr": Kind("atr", differs="it is a plain mean there, Wilder's here"),
    "obv": Kind("obv", {}),
    "cci": Kind("cci"),
    "mfi": Kind("mfi"),
    "williamsr": Kind("williams_r"),
    "aroon": Kind("aroon", outputs=_same("up", "down", "oscillator"),
                  differs="the present bar counts as one of its period there, not here"),
    "ichimoku": Kind("ichimoku", _same("tenkan_period", "kijun_period", "senkou_b_period", "displacement"),
                     _same("tenkan", "kijun", "senkou_a", "senkou_b")),
    "keltner": Kind("keltner", _same("period", "atr_period", "multiplier"), _LINES, MEAN_RANGE),
    "donchian": Kind("donchian", outputs=_LINES),
    "supertrend": Kind("supertrend", _same("period", "multiplier"), {"trend": "supertrend", "direction": "direction"},
                       MEAN_RANGE),
    "vwap": Kind("vwap"),
    "parabolicsar": Kind("parabolic_sar", {"initial_af": "acceleration", "max_af": "maximum"}, {"sar": "sar"},
                         "its first side and its limits near a turn are others"),
}  # fmt: skip
"""By their type, in small letters and without `_` and `indicator`."""

ALIASES: Final = {
    "stoch": "stochastic",
    "bollingerbands": "bbands",
    "bollinger": "bbands",
    "simplemovingaverage": "sma",
    "exponentialmovingaverage": "ema",
    "rateofchange": "roc",
    "averagetruerange": "atr",
    "relativestrengthindex": "rsi",
    "keltnerchannels": "keltner",
    "donchianchannels": "donchian",
    "donchianchannel": "donchian",
    "psar": "parabolicsar",
}

IMPLIED: Final = {
    "source": "close",
    "smooth_k": 3,
    "d_period": 3,
    "step_af": 0.02,
    "use_typical_price": True,
    "include_middle": True,
    "include_oscillator": False,
    "adjust": True,
}
"""Their defaults of what has no parameter here; `step_af` has to be as large as `initial_af`."""


def kind_of(name: str) -> Kind | None:
    """Return an indicator of theirs by its type or class name, or None."""
    plain = name.lower().replace("_", "").removesuffix("indicator")
    return KINDS.get(ALIASES.get(plain, plain))
