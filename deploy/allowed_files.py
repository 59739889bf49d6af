"""The part of the contract that says what an image holds beside what others own: a path, what lies there, and why."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from deploy.configuration import Strict

FILE = r"^(/[^/]+)+$"
FileKind = Literal["file", "program", "link", "directory"]
Reason = Annotated[str, Field(min_length=10)]


class AllowedFile(Strict):
    """What may lie at a path, and why. A file is one that nobody may execute, and a directory is empty."""

    kind: FileKind = "file"
    target: str = ""  # of a link, as it is written there; ``*`` is any part of a name
    reason: Reason

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.target) != (self.kind == "link"):
            raise ValueError('write target where kind is "link", and nowhere else: the text that the link holds')
        return self

    @property
    def words(self) -> str:
        """What it is, in words."""
        return f"a {self.kind}{self.target and f' to {self.target}'}"


def _in_full(value: Any) -> Any:
    """Return a reason alone as that of a plain file."""
    return {"reason": value} if isinstance(value, str) else value


Files = dict[Annotated[str, Field(pattern=FILE)], Annotated[AllowedFile, BeforeValidator(_in_full)]]
