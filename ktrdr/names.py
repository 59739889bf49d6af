"""Names that become parts of file names: their characters are limited, so that none can leave its directory."""

import re
from typing import Final, Literal, get_args

SYMBOL_PATTERN: Final = r"^[A-Z0-9][A-Z0-9.\-]{0,19}$"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$"

Timeframe = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
TIMEFRAMES: Final[tuple[str, ...]] = get_args(Timeframe)
TIMEFRAME_SECONDS: Final = dict(zip(TIMEFRAMES, (60, 300, 900, 1800, 3600, 14400, 86400, 604800), strict=True))

_SYMBOL = re.compile(SYMBOL_PATTERN.rstrip("$"))
_NAME = re.compile(NAME_PATTERN.rstrip("$"))


def is_symbol(text: str) -> bool:
    """Return whether `text` may name an instrument: at most 20 capitals, digits, dots and hyphens."""
    return _SYMBOL.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Return whether `text` may name a strategy, a model or a worker: at most 100 characters, no separator."""
    return _NAME.fullmatch(text) is not None
