"""What is wrong with a strategy, told so that a person can correct it."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SHOWN: Final = 60
LISTED: Final = 12
HUGE: Final = 1e300


@dataclass(frozen=True)
class Issue:
    """Something about a strategy document: `details` holds the key and, where there are some, the allowed values."""

    severity: Literal["error", "warning"]
    category: str
    message: str
    details: dict[str, Any]


def brief(value: Any) -> str:
    """Return a value as it may stand in a message: short, on one line, whatever it is."""
    if isinstance(value, (dict, list)):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > HUGE:
        return "a huge number"
    text = str(value)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def choice(found: Any, allowed: Sequence[str], otherwise: str) -> str:
    """Return which of `allowed` was probably meant, or else the list of them after the words `otherwise`."""
    near = difflib.get_close_matches(brief(found), allowed, n=1)
    return (
        f"did you mean {brief(near[0])!r}?"
        if near
        else f"{otherwise} {', '.join(map(brief, allowed[:LISTED])) or 'none'}"
    )
