"""Checks a document and returns a strategy; every mistake is an issue with the key, the value and the next step."""

from typing import Any, Final

from pydantic import ValidationError

from ktrdr.strategy.issues import Issue
from ktrdr.strategy.mistakes import issues_of
from ktrdr.strategy.plain import problem, with_text_keys
from ktrdr.strategy.schema import Names, Strategy

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def check(document: Any, name: str) -> tuple[Strategy | None, list[Issue]]:
    """Check a document that is stored under `name`; the strategy is None if an issue is an error."""
    objection = problem(document) if isinstance(document, dict) else "is not a mapping of keys"
    if objection:
        return None, [Issue("error", "structure", f"The strategy {objection}.", {"key": ""})]
    plain = with_text_keys(document)
    try:
        return Strategy.model_validate(plain, context=Names.of(plain, name)), []
    except ValidationError as error:
        return None, issues_of(error)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a strategy's file, for editors. Only `check` checks references between its parts."""
    return {"$schema": DIALECT, **Strategy.model_json_schema()}
