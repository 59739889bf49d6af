"""Names that become parts of file names: what they may hold, so that none can leave its directory."""

import re
from typing import Final

SYMBOL_PATTERN: Final = r"^[A-Z0-9][A-Z0-9.\-]{0,19}$"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$"

TIMEFRAME_SECONDS: Final = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "4h": 14400,
    "1d": 86400,
    "1w": 604800,
}
TIMEFRAMES: Final = tuple(TIMEFRAME_SECONDS)

_SYMBOL = re.compile(SYMBOL_PATTERN.rstrip("$"))
_NAME = re.compile(NAME_PATTERN.rstrip("$"))


def is_symbol(text: str) -> bool:
    """Tell whether `text` may name an instrument: at most 20 capitals, digits, dots and hyphens."""
    return _SYMBOL.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Tell whether `text` may name a strategy, a model or a worker: at most 100 characters, no separator."""
    return _NAME.fullmatch(text) is not None
