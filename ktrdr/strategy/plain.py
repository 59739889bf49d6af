"""What a document may consist of: a bounded number of values that JSON can hold too."""

import math
from typing import Any, Final

from pydantic import BeforeValidator

from ktrdr.strategy.issues import brief

DEPTH_LIMIT: Final = 20
VALUES_LIMIT: Final = 20_000
LARGEST_WHOLE: Final = 2**53


def problem(document: Any) -> str | None:
    """Return why a document is not plain and bounded, or None. Never raises."""
    waiting: list[tuple[str, Any, int]] = [("", document, 0)]
    count = 0
    while waiting:
        path, value, depth = waiting.pop()
        count += 1
        if count > VALUES_LIMIT:
            return f"holds more than {VALUES_LIMIT} values; no strategy needs that many"
        if depth > DEPTH_LIMIT:
            return f"{brief(path)} is nested more than {DEPTH_LIMIT} levels deep"
        if isinstance(value, dict):
            if odd := [key for key in value if not isinstance(key, (str, int, float, bool, type(None)))]:
                return f"{brief(path)} has a key that is a {type(odd[0]).__name__}; keys are texts"
            waiting.extend((f"{path}.{brief(key)}".lstrip("."), item, depth + 1) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{path}[{place}]", item, depth + 1) for place, item in enumerate(value))
        elif objection := _scalar_problem(value):
            return f"{brief(path) or 'the document'}: {objection}"
    return None


def _scalar_problem(value: Any) -> str | None:
    if isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        return f"a whole number beyond {LARGEST_WHOLE}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number to compute with"
    if not isinstance(value, (str, int, float, bool, type(None))):
        return f"a {type(value).__name__}, not a text or a number; put it in quotes"
    return None


def with_text_keys(value: Any) -> Any:
    """Return the document with text keys: YAML reads the key in `1: …` as a number."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(item) for key, item in value.items()}
    return [with_text_keys(item) for item in value] if isinstance(value, list) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE: Final = BeforeValidator(_whole)
"""JSON has one kind of number: 5.0 is an integer (JSON Schema validation, type). Write it after the bounds: a schema
leaves out the bounds that follow it."""
