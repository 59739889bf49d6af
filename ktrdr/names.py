"""Names that become parts of file names: their characters are limited, so that none can leave its directory."""

import re
from typing import Final, Literal, get_args

SYMBOL_PATTERN: Final = r"^[A-Z0-9^][A-Z0-9.\-=^_/]{0,19}$"
ESCAPED_PATTERN: Final = r"^[A-Z0-9^][A-Z0-9.\-=^_~]{0,19}$"
"""A symbol in addresses and names of files: there the slash is written as a tilde, which no symbol has."""
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$"
MODEL_PATH_PATTERN: Final = NAME_PATTERN.replace("^", "^models/", 1)
SYMBOL_RULE: Final = "a symbol is at most 20 capitals, digits and . - = ^ _ / (in an address ~ stands for /)"
NAME_RULE: Final = "use letters, digits, dots, hyphens and underscores, at most 100"
RULES: Final = {SYMBOL_PATTERN: SYMBOL_RULE, ESCAPED_PATTERN: SYMBOL_RULE, NAME_PATTERN: NAME_RULE}
"""What the patterns of names say, for people."""

Timeframe = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
TIMEFRAMES: Final[tuple[str, ...]] = get_args(Timeframe)
TIMEFRAME_SECONDS: Final = dict(zip(TIMEFRAMES, (60, 300, 900, 1800, 3600, 14400, 86400, 604800), strict=True))

_SYMBOL = re.compile(SYMBOL_PATTERN.rstrip("$"))
_NAME = re.compile(NAME_PATTERN.rstrip("$"))


def is_symbol(text: str) -> bool:
    """Return whether `text` may name an instrument as vendors write it, such as EURUSD=X, ^GSPC or BTC/USDT."""
    return _SYMBOL.fullmatch(text) is not None


def escaped(symbol: str) -> str:
    """Return a symbol as it stands in addresses and names of files: BTC/USDT as BTC~USDT."""
    return symbol.replace("/", "~")


def unescaped(text: str) -> str:
    """Return the symbol that an address or the name of a file means; the inverse of `escaped`."""
    return text.replace("~", "/")


def is_name(text: str) -> bool:
    """Return whether `text` may name a strategy, a model or a worker: at most 100 characters, no separator."""
    return _NAME.fullmatch(text) is not None


def model_name(strategy_name: str, operation_id: str) -> str:
    """Return the name of the model that a training makes. It ends with the operation's own part, so it is unique."""
    return f"{strategy_name}_{operation_id.removeprefix('op_training_')}"[-100:].lstrip("._-")
