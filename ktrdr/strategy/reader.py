"""Reading a document key by key, collecting what is wrong instead of stopping at the first mistake."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ktrdr.strategy.schema import Issue

SHOWN: Final = 60
MANY: Final = 20
LARGEST: Final = 1e300
"""Beyond this a whole number may not be a float any more."""


class Reader:
    """A mapping of a document at a path such as `training.labels`, and the issues found so far in the whole."""

    def __init__(self, values: Mapping[str, Any], path: str, category: str, issues: list[Issue]) -> None:
        self.values = values
        self.path = path
        self.category = category
        self.issues = issues

    def where(self, key: str) -> str:
        """Return the full path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, message: str, **details: Any) -> None:
        """Note an error at a key."""
        where = self.where(key) if key else self.path
        self.issues.append(Issue("error", self.category, f"{where}: {message}", {"key": where, **details}))

    def known(self, keys: Iterable[str]) -> None:
        """Note every key that is not one of `keys`, with the nearest of them."""
        allowed = list(keys)
        unknown = [key for key in self.values if key not in allowed]
        for key in unknown[:MANY]:
            near = nearest(key, allowed)
            mend = f"did you mean {near!r}?" if near else f"known keys are {', '.join(allowed)}"
            self.error(brief(key), f"unknown key; {mend}", allowed=allowed)
        if len(unknown) > MANY:
            self.error("", f"has {len(unknown) - MANY} more unknown keys; known keys are {', '.join(allowed)}")

    def section(self, key: str, category: str | None = None, *, required: bool = False) -> "Reader":
        """Return the mapping under a key; an empty one, and an issue, where there is none."""
        value = self.values.get(key)
        if value is None and required:
            self.error(key, "is missing; add it")
        if value is not None and not isinstance(value, dict):
            self.error(key, f"must be a mapping, found {_kind(value)}")
        sound = {str(name): item for name, item in value.items()} if isinstance(value, dict) else {}
        return Reader(sound, self.where(key), category or self.category, self.issues)

    def number(self, key: str, default: float, minimum: float, maximum: float, *, whole: bool = False) -> float:
        """Return a number within bounds (both included), or the default, with an issue where it is not one."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < math.inf:
            self.error(key, f"must be a number, found {_kind(value)}", minimum=minimum, maximum=maximum)
            return default
        if whole and value != int(value):
            self.error(key, f"must be a whole number, found {brief(value)}")
            return default
        if not minimum <= value <= maximum:
            self.error(
                key, f"is {brief(value)}; keep it from {minimum:g} to {maximum:g}", minimum=minimum, maximum=maximum
            )
            return default
        return value

    def whole(self, key: str, default: int, minimum: int, maximum: int) -> int:
        """Return a whole number within bounds (both included)."""
        return int(self.number(key, default, minimum, maximum, whole=True))

    def choice(self, key: str, options: Iterable[str], default: str | None = None) -> str | None:
        """Return one of the options; None, and an issue, where it is none of them."""
        allowed = list(options)
        value = self.values.get(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        near = nearest(value, allowed)
        mend = f"did you mean {near!r}?" if near else f"use one of {', '.join(allowed)}"
        found = "is missing" if value is None else f"{brief(value)!r} is unknown"
        self.error(key, f"{found}; {mend}", allowed=allowed)
        return None

    def strings(self, key: str) -> list[str]:
        """Return a list of texts; empty, and an issue, where it is not one."""
        value = self.values.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.error(key, f"must be a list of texts, found {_kind(value)}")
        return []


def numbers(value: Any) -> list[float] | None:
    """Return a list of finite numbers as floats, or None when it is not one."""
    if not isinstance(value, list) or any(
        isinstance(item, bool) or not isinstance(item, (int, float)) or not abs(item) <= LARGEST for item in value
    ):
        return None
    return [float(item) for item in value]


def nearest(value: Any, allowed: list[str]) -> str | None:
    """Return the one of `allowed` that was probably meant."""
    return next(iter(difflib.get_close_matches(brief(value), allowed, n=1)), None)


def brief(value: Any) -> str:
    """Return a value as it may stand in a message: short, on one line, whatever it is."""
    if isinstance(value, (dict, list)):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a huge number"
    text = str(value)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {brief(value)!r}"
