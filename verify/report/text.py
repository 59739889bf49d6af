"""Makes text from images harmless and short before it is shown anywhere."""

import json
import re
from collections.abc import Mapping
from typing import Any

ELLIPSIS = "…"
MOST_TEXT = 20_000  # characters of one text that are read
MOST_LINE = 300  # characters of one line of evidence
MOST_INLINE = 100  # characters of a small table that is shown on one line
MOST_DEPTH = 6  # of nested evidence; deeper is shown as JSON

# ECMA-48: control sequences, operating system commands, device control and other strings, two-character escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]"
)
# Control characters but tab and newline, invisible and direction-changing ones, and what XML 1.0 does not allow.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e0fff]"
)


def plain(text: str, replacement: str = "") -> str:
    """Return text without terminal escapes; control and invisible characters give way to the replacement."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _FORBIDDEN.sub(replacement, text)


def one_line(text: str, most: int) -> str:
    """Return text as one plain line of at most so many characters."""
    return shorten(" ".join(plain(text[: 8 * most]).split()), most)


def shorten(text: str, most: int) -> str:
    """Return at most so many characters, the last an ellipsis where some were left out."""
    return text if len(text) <= most else text[: max(most - 1, 0)] + ELLIPSIS


def evidence_lines(evidence: Mapping[str, Any], most_each: int, most_lines: int, most_characters: int) -> list[str]:
    """Return evidence as plain lines for people: so many lines an item, and within both bounds on the whole."""
    items = [bounded(_lines(str(key), value, 0), most_each, most_characters) for key, value in evidence.items()]
    return bounded([line for item in items for line in item], most_lines, most_characters)


def bounded(lines: list[str], most_lines: int, most_characters: int) -> list[str]:
    """Return the first and the last lines within both bounds; a line between them says how many were left out."""
    keep = min(len(lines), most_lines)
    first = [shorten(line, MOST_LINE) for line in lines[: keep - keep // 2]]
    last = [shorten(line, MOST_LINE) for line in lines[len(lines) - keep // 2 :]]
    while keep and sum(map(len, first + last)) + keep > most_characters:
        keep = keep * 3 // 4
        first, last = first[: keep - keep // 2], last[len(last) - keep // 2 :]
    left_out = len(lines) - keep
    return [*first, *([f"{ELLIPSIS} {left_out} of {len(lines)} lines left out"] if left_out else []), *last]


def _lines(key: str, value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    label = f"{indent}{one_line(key, MOST_LINE)}:"
    if isinstance(value, Mapping) and value and depth < MOST_DEPTH:
        return [label, *(line for name, item in value.items() for line in _lines(str(name), item, depth + 1))]
    if isinstance(value, list | tuple) and value and depth < MOST_DEPTH:
        return [label, *(line for item in value for line in _item(item, depth + 1))]
    lines = _scalar(value).split("\n")
    return [f"{label} {lines[0]}".rstrip()] if len(lines) == 1 else [label, *(f"{indent}  {line}" for line in lines)]


def _item(value: Any, depth: int) -> list[str]:
    """Return one of a list's values: on one line where that is short, else its lines behind a dash."""
    indent = "  " * depth
    if isinstance(value, Mapping) and value and depth < MOST_DEPTH:
        inline = ", ".join(f"{one_line(str(name), MOST_LINE)}: {_scalar(item)}" for name, item in value.items())
        if len(inline) <= MOST_INLINE and "\n" not in inline:
            return [f"{indent}- {inline}"]
        lines = [line for name, item in value.items() for line in _lines(str(name), item, depth + 1)]
        return [f"{indent}- {lines[0].lstrip()}", *lines[1:]]
    first, *rest = _scalar(value).split("\n")
    return [f"{indent}- {first}".rstrip(), *(f"{indent}  {line}".rstrip() for line in rest)]


def _scalar(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > MOST_TEXT:
        half = MOST_TEXT // 2
        text = f"{text[:half]}\n{ELLIPSIS} {len(text) - MOST_TEXT} characters left out\n{text[-half:]}"
    return plain(text).rstrip("\n").expandtabs()
