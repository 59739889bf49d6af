"""JSON texts that are put together, not read and written again: a value takes up to 20 times the memory of its text."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

COMPACT: Final = (",", ":")
"""Separators without blanks."""


def spliced(document: Mapping[str, Any], **more: Iterable[str]) -> list[str]:
    """Return the JSON text, in parts, of a mapping (not an empty one) with further keys, whose values are parts."""
    parts = [json.dumps(document, separators=COMPACT)[:-1]]
    for key, value in more.items():
        parts += [f",{json.dumps(key)}:", *value]
    return [*parts, "}"]


def listed(values: Iterable[Iterable[str]]) -> list[str]:
    """Return the JSON text, in parts, of a list whose values are such parts."""
    parts = [part for value in values for part in (",", *value)]
    return ["[", *parts[1:], "]"]


def values_at_most(content: bytes) -> int:
    """Return a number that the values in a JSON text do not exceed, without reading it."""
    return 1 + sum(map(content.count, (b",", b"[", b"{", b":")))
