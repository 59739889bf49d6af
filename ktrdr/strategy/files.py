"""Strategies on disk: the shipped ones and those in the data directory, which take precedence."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ktrdr.disk import flush, sweep, write_whole
from ktrdr.errors import BadRequestError, ConflictError, NotFoundError, TooManyError
from ktrdr.names import is_name
from ktrdr.strategy.issues import Issue

if TYPE_CHECKING:
    from ktrdr.strategy.schema import Strategy

SIZE_LIMIT: Final = 64 * 1024
"""Bytes: read in under a second, and ten times the size of a large strategy."""
OWN_LIMIT: Final = 500
"""The most strategies in the data directory."""
PREFIX: Final = ".incoming-"
NAMES_SHOWN: Final = 20
ISSUES_SHOWN: Final = 20


class StrategyDirectory:
    """The directories with `{name}.yaml`; a later one takes precedence."""

    def __init__(self, *directories: Path) -> None:
        self.directories = directories
        self._changing = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all strategies, sorted."""
        paths = (path for directory in self.directories for path in directory.glob("*.yaml"))
        return sorted({path.stem for path in paths if is_name(path.stem)})

    def document(self, name: str) -> Any:
        """Return the YAML document; NotFoundError, or BadRequestError if it is not valid YAML."""
        from ktrdr.strategy.document import BadDocument, read  # noqa: PLC0415  the API starts faster without YAML

        try:
            return read(self.text(name))
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

    def is_shipped(self, name: str) -> bool:
        """Return whether a strategy is one of ktrdr's own, which nobody can replace or remove."""
        return is_name(name) and (self.directories[0] / f"{name}.yaml").is_file()

    def is_own(self, name: str) -> bool:
        """Return whether a strategy is stored in the data directory."""
        return is_name(name) and (self.directories[-1] / f"{name}.yaml").is_file()

    def store(self, text: bytes, name: str | None = None, *, replace: bool = False) -> "Strategy":
        """Check the text of a strategy and store it, completely or not at all; return the strategy.

        Without a `name` the text's own is taken. InvalidError with the issues if it is not a valid strategy,
        ConflictError if the name is a shipped one's, or is taken and not to be replaced, TooManyError if OWN_LIMIT
        strategies are stored, OSError if the disk fails.
        """
        from ktrdr.strategy.upload import checked  # noqa: PLC0415  the API starts faster without the models

        strategy = checked(text, name)
        directory = self.directories[-1]
        target = directory / f"{strategy.name}.yaml"
        self._require_own(strategy.name)
        with self._changing:
            directory.mkdir(parents=True, exist_ok=True)
            if target.exists() and not replace:
                message = (
                    f"A strategy named {strategy.name} is stored already; replace it with PUT, or rename this one."
                )
                raise ConflictError("strategy_exists", message)
            if not target.exists() and sum(1 for _ in directory.glob("*.yaml")) >= OWN_LIMIT:
                message = f"{OWN_LIMIT} strategies are stored already: remove some (DELETE /strategies/NAME)."
                raise TooManyError("too_many_strategies", message, {"at_most": OWN_LIMIT})
            write_whole(target, text, PREFIX)
        return strategy

    def remove(self, name: str) -> None:
        """Remove a strategy; NotFoundError if none is stored, ConflictError if it is a shipped one."""
        self._require_own(name)
        if not self.is_own(name):
            self.text(name)  # says which there are
        (self.directories[-1] / f"{name}.yaml").unlink(missing_ok=True)
        flush(self.directories[-1])

    def sweep(self) -> None:
        """Remove the files of uploads whose process died."""
        sweep(self.directories[-1], PREFIX)

    def _require_own(self, name: str) -> None:
        if self.is_shipped(name):
            message = f"Strategy {name} is shipped with ktrdr and stays as it is; store yours under another name."
            raise ConflictError("shipped_strategy", message)

    def text(self, name: str) -> str:
        """Return a strategy's file as it was written; NotFoundError, or BadRequestError if it is too large."""
        for directory in reversed(self.directories):
            path = directory / f"{name}.yaml"
            if is_name(name) and path.is_file():
                if path.stat().st_size > SIZE_LIMIT:
                    raise BadRequestError("bad_strategy", f"Strategy {name} is larger than {SIZE_LIMIT} bytes.")
                return path.read_text(encoding="utf-8", errors="replace")
        names = self.names()
        known = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "") or "none"
        raise NotFoundError("no_strategy", f"No strategy named {name}; there are: {known}.")
