"""Issues of a strategy, worded so that a person can correct them."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SHOWN: Final = 60
LISTED: Final = 12
HUGE: Final = 1e300


@dataclass(frozen=True)
class Issue:
    """An issue of a strategy document: `details` holds the key and, if there are any, the allowed values."""

    severity: Literal["error", "warning"]
    category: str
    message: str
    details: dict[str, Any]


def brief(value: Any) -> str:
    """Return any value as text for a message: short and on one line."""
    if isinstance(value, (dict, list)):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > HUGE:
        return "a huge number"
    text = str(value)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def choice(found: Any, allowed: Sequence[str], otherwise: str) -> str:
    """Return the probably intended one of `allowed`, or the words `otherwise` and the list."""
    near = difflib.get_close_matches(brief(found), allowed, n=1)
    if near:
        return f"did you mean {brief(near[0])!r}?"
    return f"{otherwise} {', '.join(map(brief, allowed[:LISTED])) or 'none'}"
