"""Strategies on disk: the shipped ones and those in the data directory, which take precedence."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ktrdr.errors import BadRequestError, NotFoundError
from ktrdr.names import is_name
from ktrdr.strategy.issues import Issue

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

SIZE_LIMIT: Final = 64 * 1024
"""Bytes: read in under a second, and ten times the size of a large strategy."""
NAMES_SHOWN: Final = 20
ISSUES_SHOWN: Final = 20


class StrategyDirectory:
    """The directories with `{name}.yaml`; a later one takes precedence."""

    def __init__(self, *directories: Path) -> None:
        self.directories = directories

    def names(self) -> list[str]:
        """Return the names of all strategies, sorted."""
        paths = (path for directory in self.directories for path in directory.glob("*.yaml"))
        return sorted({path.stem for path in paths if is_name(path.stem)})

    def document(self, name: str) -> Any:
        """Return the YAML document; NotFoundError, or BadRequestError if it is not valid YAML."""
        from ktrdr.strategy.document import BadDocument, read  # noqa: PLC0415  the API starts faster without YAML

        try:
            return read(self._text(name))
        except BadDocument as error:
            raise BadRequestError("bad_strategy", f"Strategy {name}: {error}.") from None

    def check(self, name: str) -> "tuple[Strategy | None, list[Issue]]":
        """Return the strategy (None if an issue is an error) and its issues."""
        try:
            document = self.document(name)
        except BadRequestError as error:
            return None, [Issue("error", "structure", error.message, {"key": ""})]
        from ktrdr.strategy.checks import check  # noqa: PLC0415  the API starts faster without the models

        return check(document, name)

    def load(self, name: str) -> "Strategy":
        """Return a valid strategy; NotFoundError, or BadRequestError with the issues of an invalid one."""
        strategy, issues = self.check(name)
        if strategy is None:
            errors = [issue.message for issue in issues if issue.severity == "error"]
            message = f"Strategy {name} is not valid: {errors[0]}"
            raise BadRequestError("bad_strategy", message, {"issues": errors[:ISSUES_SHOWN]})
        return strategy

    def _text(self, name: str) -> str:
        for directory in reversed(self.directories):
            path = directory / f"{name}.yaml"
            if is_name(name) and path.is_file():
                if path.stat().st_size > SIZE_LIMIT:
                    raise BadRequestError("bad_strategy", f"Strategy {name} is larger than {SIZE_LIMIT} bytes.")
                return path.read_text(encoding="utf-8", errors="replace")
        names = self.names()
        known = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "") or "none"
        raise NotFoundError("no_strategy", f"No strategy named {name}; there are: {known}.")
