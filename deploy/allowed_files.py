"""The part of the contract that says what an image holds beside what others own: a path, what lies there, and why."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from deploy.configuration import SYSTEM, Strict

FILE = r"^(/[^/\x00]+)+$"
FileKind = Literal["file", "program", "link", "directory"]
PLACE = 2  # so many names say whose a path is: /opt/venv, /home/ktrdr


def narrow(path: str) -> str:
    """Refuse a pattern that excuses whatever lies in a directory of others, and a path that does not lead straight."""
    *above, last = parts = path.split("/")[1:]
    if {".", ".."} & set(parts):
        raise ValueError("write the path without . and ..")
    if "*" in parts[0] or any(not part.strip("*") for part in parts[:PLACE]):
        raise ValueError("write its first two names without * alone, for example /opt/tools/*")
    if not last.strip("*"):
        if any("*" in part for part in above):
            raise ValueError("it excuses everything in many directories; name the directory, or part of each name")
        if parts[0] in SYSTEM or parts[:PLACE] == ["opt", "venv"] or above[-1] in ("site-packages", "dist-packages"):
            raise ValueError("it excuses everything in a directory of others; write part of each name")
    return path


def leading(target: str) -> str:
    """Refuse a link's target that says nothing before it leaves all open."""
    before, wildcard, _ = target.partition("*")
    if "\x00" in target or (wildcard and not before.strip("./")):
        raise ValueError("begin with the name that it leads to; * is for a later part, for example /usr/bin/python3.*")
    return target


Reason = Annotated[str, Field(min_length=10)]


class AllowedFile(Strict):
    """What may lie at a path, and why. A file is one that nobody may execute, and a directory is empty."""

    kind: FileKind = "file"
    target: Annotated[str, AfterValidator(leading)] = (
        ""  # of a link, as it is written there; ``*`` is any part of a name
    )
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


Pattern = Annotated[str, Field(pattern=FILE), AfterValidator(narrow)]
Files = dict[Pattern, Annotated[AllowedFile, BeforeValidator(_in_full)]]
