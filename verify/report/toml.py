"""Values as TOML writes them (TOML 1.0). The standard library reads TOML and does not write it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from deploy.sizes import UNITS

BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key that needs no quotes
WIDTH = 118  # characters of a line that can be parted


def written(value: Any) -> str:
    """Return text, numbers, lists and tables on one line; ``size`` writes a number of bytes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key_of(key)} = {written(content)}" for key, content in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value) if value == int(value) else value)
    return _text(str(value))


def key_of(name: str) -> str:
    """Return a key, in quotes where it needs them."""
    return name if BARE.fullmatch(name) else _text(name)


def size(count: int) -> str:
    """Return bytes as the contract writes them, to the byte."""
    unit, scale = max(
        ((unit, scale) for unit, scale in UNITS.items() if scale <= max(count, 1)), key=lambda one: one[1]
    )
    return f"{(Decimal(count) / scale).normalize():f} {unit}"


def lines(key: str, value: Any, *comments: str) -> Iterator[str]:
    """Yield a key with its value, below its comments."""
    for comment in comments:
        yield from remark(comment)
    line = f"{key_of(key)} = {written(value)}"
    if len(line) > WIDTH and isinstance(value, Mapping):
        yield from (f"{key_of(key)}.{key_of(name)} = {written(content)}" for name, content in value.items())
    elif len(line) > WIDTH and isinstance(value, list | tuple):
        yield from (f"{key_of(key)} = [", *_filled((f"{written(content)}," for content in value), "   "), "]")
    else:
        yield line


def remark(text: str) -> Iterator[str]:
    """Yield a comment; what no line may hold is escaped."""
    yield from _filled(_text(text)[1:-1].replace('\\"', '"').split(" "), "#")


def _filled(words: Iterable[str], margin: str) -> Iterator[str]:
    line = margin
    for word in words:
        if len(line) + len(word) > WIDTH and line != margin:
            yield line
            line = margin
        line += f" {word}"
    yield line


def _text(text: str) -> str:
    """Return a basic string: JSON's escapes are TOML's, but for the character DEL and halves of pairs."""
    return json.dumps(text.encode("utf-8", "backslashreplace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
