"""Turns pydantic's errors into issues: each names the key, the value and the next step."""

import re
from typing import Any, Final

from pydantic import ValidationError

from ktrdr.names import RULES
from ktrdr.strategy.issues import Issue, brief, choice
from ktrdr.strategy.schema import INDICATORS, Membership, NetworkInput, Strategy

MOST: Final = 50
"""More than a person reads at once."""
# Pydantic's error types and our messages
TOLD: Final = {
    "missing": "is missing; add it",
    "greater_than_equal": "is {found}; write {ge:g} or more",
    "less_than_equal": "is {found}; write {le:g} or less",
    "int_type": "must be a whole number, found {kind}",
    "float_type": "must be a number, found {kind}",
    "string_type": "must be a text, found {kind}; put it in quotes",
    "list_type": "must be a list, found {kind}",
    "dict_type": "must be a mapping, found {kind}",
    "model_type": "must be a mapping, found {kind}",
    "model_attributes_type": "must be a mapping, found {kind}",
    "too_short": "has {actual_length} entries; write {min_length} or more",
    "too_long": "has {actual_length} entries; write {max_length} or fewer",
    "value_error": "{error}",
}


def issues_of(error: ValidationError) -> list[Issue]:
    """Return the mistakes in a document: the first MOST, then how many more there are."""
    found = error.errors(include_url=False)
    issues = [_issue(dict(mistake)) for mistake in found[:MOST]]
    if len(found) > MOST:
        message = f"There are {len(found) - MOST} more mistakes; correct these first."
        issues.append(Issue("error", "structure", message, {"key": ""}))
    return issues


def _issue(mistake: dict[str, Any]) -> Issue:
    location, kind, context = mistake["loc"], mistake["type"], mistake.get("ctx", {})
    found = mistake["input"]
    details = {name: context[key] for key, name in (("ge", "minimum"), ("le", "maximum")) if key in context}
    if kind.startswith("union_tag"):
        location, found = (*location, "", "type"), context.get("tag")
    if kind == "extra_forbidden":
        details["allowed"] = list(_model_at(location[:-1]).model_fields)
        message = f"unknown key; {choice(location[-1], details['allowed'], 'known keys are')}"
    elif kind.startswith("union_tag") or kind == "literal_error":
        details["allowed"] = re.findall("'([^']*)'", context.get("expected", "")) or [*INDICATORS]
        told = "is missing" if found is None else f"{brief(found)!r} is unknown"
        message = f"{told}; {choice(found, details['allowed'], 'use one of')}"
    elif kind == "string_pattern_mismatch":
        message = f"{brief(found)!r} cannot be used; {RULES[context['pattern']]}"
    else:
        words = {"found": brief(found), "kind": _kind(found), **context}
        message = TOLD[kind].format(**words) if kind in TOLD else mistake["msg"]
    where = _path(location)
    category = str(location[0]) if len(location) > 1 else "structure"
    return Issue("error", category, f"{where}: {message}", {"key": where, **details})


def _path(location: tuple[int | str, ...]) -> str:
    """Return a location in the form `nn_inputs[0].timeframes`, without the indicator's type that pydantic inserts."""
    if location[0] == "indicators":
        location = (*location[:2], *location[3:])
    return "".join(f"[{part}]" if isinstance(part, int) else f".{brief(part)}" for part in location).lstrip(".")


def _model_at(location: tuple[int | str, ...]) -> Any:
    """Return the model of the section at a location."""
    match location:
        case ("nn_inputs", _):
            return NetworkInput
        case ("fuzzy_sets", _, _):
            return Membership
        case ("indicators", _, str(kind), *parts):
            model: Any = INDICATORS[kind]
        case parts:
            model = Strategy
    for part in parts:
        model = model.model_fields[part].annotation
    return model


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {brief(value)!r}"
