"""Checks the text of a strategy before it is stored."""

from dataclasses import asdict

from ktrdr.errors import InvalidError
from ktrdr.names import NAME_RULE, is_name
from ktrdr.strategy.checks import check
from ktrdr.strategy.document import BadDocument, read
from ktrdr.strategy.files import ISSUES_SHOWN, SIZE_LIMIT
from ktrdr.strategy.issues import brief
from ktrdr.strategy.schema import Strategy


def checked(text: bytes, name: str | None) -> Strategy:
    """Return the strategy that a text describes; InvalidError with its issues, the first in the message.

    Without a `name` the text's own is taken.
    """
    if len(text) > SIZE_LIMIT:
        message = f"The strategy is not valid: it has {len(text)} bytes; {SIZE_LIMIT} are allowed."
        raise InvalidError("bad_strategy", message)
    try:
        document = read(text.decode())
    except UnicodeDecodeError:
        raise InvalidError("bad_strategy", "The strategy is not valid: it is not UTF-8.") from None
    except BadDocument as error:
        raise InvalidError("bad_strategy", f"The strategy is not valid: {error}.") from None
    own = document.get("name") if isinstance(document, dict) else None
    if name is None and not (isinstance(own, str) and is_name(own)):
        told = "is missing" if own is None else f"{brief(own)!r} cannot be used"
        message = f"The strategy is not valid: name: {told}; {NAME_RULE}"
        raise InvalidError("bad_strategy", message)
    strategy, issues = check(document, name or str(own))
    if strategy is None:
        message = f"The strategy is not valid: {issues[0].message}"
        raise InvalidError("bad_strategy", message, {"issues": [asdict(issue) for issue in issues[:ISSUES_SHOWN]]})
    return strategy
