"""Names that become parts of file names: their characters are limited, so that none can leave its directory."""

import re
from typing import Final, Literal, get_args

SYMBOL_PATTERN: Final = r"^[A-Z0-9][A-Z0-9.\-]{0,19}$"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$"
MODEL_PATH_PATTERN: Final = NAME_PATTERN.replace("^", "^models/", 1)

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


def model_name(strategy_name: str, operation_id: str) -> str:
    """Return the name of the model that a training makes. It ends with the operation's own part, so it is unique."""
    return f"{strategy_name}_{operation_id.removeprefix('op_training_')}"[-100:].lstrip("._-")
