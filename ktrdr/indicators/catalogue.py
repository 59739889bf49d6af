"""The indicators with their parameters and outputs. Data only; the API serves it."""

from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Parameter:
    """A parameter of an indicator with its bounds, both included; only whole numbers if `whole`."""

    name: str
    default: float
    minimum: float
    maximum: float
    whole: bool = True


@dataclass(frozen=True)
class Indicator:
    """An indicator: its outputs (the first is the default) and its parameters."""

    type: str
    name: str
    category: str
    description: str
    outputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the fields that clients see."""
        return asdict(self)


LONGEST_PERIOD: Final = 1000


def _period(default: int, name: str = "period") -> Parameter:
    return Parameter(name, default, 2, LONGEST_PERIOD)


CATEGORIES: Final = {
    "momentum": "How fast prices move.",
    "trend": "Where prices are heading.",
    "volatility": "How far prices swing.",
    "volume": "How much is traded.",
}

_ALL = (
    Indicator("rsi", "Relative Strength Index", "momentum", "Wilder's ratio of gains to losses, 0 to 100.",
              ("rsi",), (_period(14),)),
    Indicator("roc", "Rate of Change", "momentum", "Change of the close over the period, in percent.",
              ("roc",), (_period(10),)),
    Indicator("stochastic", "Stochastic Oscillator", "momentum", "The close's place in the recent range, 0 to 100.",
              ("k", "d"), (_period(14), _period(3, "smooth_period"))),
    Indicator("sma", "Simple Moving Average", "trend", "Mean of the closes over the period, in price.",
              ("sma",), (_period(20),)),
    Indicator("ema", "Exponential Moving Average", "trend", "Closes weighted by 2 / (period + 1), in price.",
              ("ema",), (_period(20),)),
    Indicator("macd", "Moving Average Convergence Divergence", "trend", "A fast less a slow EMA, and its signal line.",
              ("line", "signal", "histogram"),
              (_period(12, "fast_period"), _period(26, "slow_period"), _period(9, "signal_period"))),
    Indicator("adx", "Average Directional Index", "trend", "Wilder's strength of the trend and its sides, 0 to 100.",
              ("adx", "plus_di", "minus_di"), (_period(14),)),
    Indicator("bollinger_bands", "Bollinger Bands", "volatility",
              "Bands of standard deviations around a mean; percent_b is the close's place in them, 0 to 1.",
              ("percent_b", "upper", "middle", "lower", "width"),
              (_period(20), Parameter("multiplier", 2.0, 0.1, 10.0, whole=False))),
    Indicator("atr", "Average True Range", "volatility", "Wilder's mean of the true range, in price.",
              ("atr",), (_period(14),)),
    Indicator("obv", "On-Balance Volume", "volume", "Volume added on rises and taken off on falls.",
              ("obv",), ()),
    Indicator("cci", "Commodity Channel Index", "momentum",
              "The typical price's distance from its mean, in mean deviations times 0.015.", ("cci",), (_period(20),)),
    Indicator("mfi", "Money Flow Index", "volume", "The share of the traded value that rose in price, 0 to 100.",
              ("mfi",), (_period(14),)),
    Indicator("williams_r", "Williams %R", "momentum", "The close's place in the recent range, -100 to 0.",
              ("williams_r",), (_period(14),)),
    Indicator("aroon", "Aroon", "trend", "How lately the period's high and low were, 0 to 100, and their difference.",
              ("oscillator", "up", "down"), (_period(14),)),
    Indicator("ichimoku", "Ichimoku Kinko Hyo", "trend",
              "Middles of three ranges, in price; the spans as a chart draws them at the bar.",
              ("tenkan", "kijun", "senkou_a", "senkou_b"),
              (_period(9, "tenkan_period"), _period(26, "kijun_period"), _period(52, "senkou_b_period"),
               Parameter("displacement", 26, 0, LONGEST_PERIOD))),
    Indicator("keltner", "Keltner Channels", "volatility",
              "Average true ranges around an EMA; position is the close's place in them, 0 to 1.",
              ("position", "upper", "middle", "lower"),
              (_period(20), _period(10, "atr_period"), Parameter("multiplier", 2.0, 0.1, 10.0, whole=False))),
    Indicator("donchian", "Donchian Channels", "volatility",
              "The period's high and low; position is the close's place between them, 0 to 1.",
              ("position", "upper", "middle", "lower"), (_period(20),)),
    Indicator("supertrend", "Supertrend", "trend",
              "Average true ranges below a rise (direction 1) or above a fall (-1), in price.",
              ("direction", "supertrend"), (_period(10), Parameter("multiplier", 3.0, 0.1, 10.0, whole=False))),
    Indicator("vwap", "Volume-Weighted Average Price", "volume",
              "Mean of the typical prices over the period, weighted by volume, in price.", ("vwap",), (_period(20),)),
    Indicator("parabolic_sar", "Parabolic SAR", "trend",
              "Wilder's stop and reverse below a rise (direction 1) or above a fall (-1), in price.",
              ("direction", "sar"), (Parameter("acceleration", 0.02, 0.001, 1.0, whole=False),
                                     Parameter("maximum", 0.2, 0.001, 1.0, whole=False))),
)  # fmt: skip

CATALOGUE: Final = {indicator.type: indicator for indicator in _ALL}

_LINES: Final = ("upper", "middle", "lower")
IN_PRICE: Final = {
    "sma": ("sma",),
    "ema": ("ema",),
    "bollinger_bands": _LINES,
    "ichimoku": ("tenkan", "kijun", "senkou_a", "senkou_b"),
    "keltner": _LINES,
    "donchian": _LINES,
    "supertrend": ("supertrend",),
    "vwap": ("vwap",),
    "parabolic_sar": ("sar",),
}
"""The outputs that can be compared with the close."""
