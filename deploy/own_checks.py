"""Checks of a contract's own: what a command says, what lies at a path, what the image's configuration says.

Expressions are RE2's, as in container-structure-test: whatever an image prints, a search ends in linear time.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

import re2
from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from deploy.configuration import TEXT, Distinct, Name, Strict, Text

TITLE = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,118}[^\x00-\x20\x7f])?$"
PATH, MODE, ACCOUNT = (
    r"^(/([^\x00]*[^/\x00])?|\$[^\x00]*[^/\x00])$",
    r"^[0-7]{4}$",
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$",
)
TABLES, LISTS = ("environment", "labels"), ("ports", "volumes", "on_build")
WORDS, TEXTS = ("entrypoint", "command", "shell", "healthcheck"), ("working_directory", "user", "stop_signal")
KIND = "kind:"  # how a form's part of a mistake's place begins, which no key has
MOST_SECONDS = 600.0
FORMS = {
    TITLE: "a name of one line, without blanks around it",
    PATH: "a path from the root, for example /app/LICENSE",
    MODE: 'a mode in four octal digits, for example "0644"',
    ACCOUNT: 'a user and perhaps a group, by number or name, for example "10001:10001"',
}


def expression(text: str) -> Any:
    """Return a compiled expression (RE2's syntax); raises ValueError with what is wrong in it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        wrong = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"no regular expression of RE2: {wrong}; correct it") from None


def _expression(text: str) -> str:
    expression(text)
    return text


def straight(path: str) -> str:
    """Refuse a path that does not lead straight to its end, and a ``*`` that is part of a name."""
    parts = path.split("/")[1:]
    if {".", ".."} & set(parts) or (path != "/" and "" in parts):
        raise ValueError("write the path without . and .. and without an empty name")
    if any("*" in part and part != "*" for part in parts) or parts.count("*") > 1 or parts[-1] == "*":
        raise ValueError("* stands for a directory's whole name, once, for example /usr/share/doc/*/copyright")
    return path


Expressions = Annotated[list[Annotated[str, Field(pattern=TEXT), AfterValidator(_expression)]], Distinct]
Words = Annotated[list[Text], Field(min_length=1)]
Number = Annotated[int, Field(ge=0, le=2**32 - 2)]


class _Named(Strict):
    name: Annotated[str, Field(pattern=TITLE)]

    @property
    def check(self) -> str:
        """The name under which its finding stands beside the others."""
        return f"own/{self.name}"


class CommandCheck(_Named):
    """A command in a container of the image: how it ends, and what it prints.

    It runs without network and capabilities, in place of the entry point, as the image's user. Setup commands run
    before it, each in a container of its own that keeps what the one before it wrote.
    """

    command: Words
    exit_code: Annotated[int, Field(ge=0, le=255)] = 0
    stdout: Expressions = Field(default_factory=list)  # each is found in it
    stdout_not: Expressions = Field(default_factory=list)  # none is
    stderr: Expressions = Field(default_factory=list)
    stderr_not: Expressions = Field(default_factory=list)
    environment: dict[Name, Text] = Field(default_factory=dict)  # $NAME in a value is the image's variable
    setup: list[Words] = Field(default_factory=list)
    user: Annotated[str, Field(pattern=ACCOUNT)] | None = None
    writable_root: bool = False
    substitute: bool = False  # whether $NAME in the commands' words is the image's variable
    within: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = 60.0  # seconds, for each of the commands

    @property
    def root_is_writable(self) -> bool:
        """Whether the command may write what the image's user may: what setup commands leave is kept in the root."""
        return self.writable_root or bool(self.setup)


class FileCheck(_Named):
    """What lies at a path: nothing, or a file, a directory or a link, whose it is, and what it says.

    A ``*`` in place of a directory's name stands for each of them, and the check holds for each.
    """

    file: Annotated[str, Field(pattern=PATH), AfterValidator(straight)]
    exists: bool = True
    kind: Literal["file", "directory", "link"] | None = None
    owner: Number | None = None
    group: Number | None = None
    mode: Annotated[str, Field(pattern=MODE)] | None = None
    executable_by: Literal["owner", "group", "other", "any"] | None = None
    contains: Expressions = Field(default_factory=list)  # of the file that a link leads to
    contains_not: Expressions = Field(default_factory=list)
    substitute: bool = False  # whether $NAME in the path is the image's variable

    @property
    def expressions(self) -> tuple[str, ...]:
        """What is looked for in the content."""
        return (*self.contains, *self.contains_not)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.file.startswith("$") and not self.substitute:
            raise ValueError("write the path from the root, or substitute = true for a variable of the image")
        more = self.model_fields_set - {"name", "file", "exists", "substitute"}
        if not self.exists and more:
            raise ValueError(f"what does not exist has no {', '.join(sorted(more))}; remove it, or exists = false")
        return self


class SettingCheck(_Named):
    """What the image's configuration says, in a key of the contract's ``configuration``."""

    setting: Literal[
        "environment", "labels", "ports", "volumes", "on_build", "entrypoint", "command", "shell", "healthcheck",
        "working_directory", "user", "stop_signal",
    ]  # fmt: skip
    key: Text | None = None  # a variable, a label, a port (8000 of any protocol, or 8000/udp), a volume
    present: bool = True
    value: Text | list[Text] | None = None
    matches: Annotated[str, Field(pattern=TEXT), AfterValidator(_expression)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        keyed, valued = self.setting in (*TABLES, *LISTS), self.value is not None or self.matches is not None
        if keyed != (self.key is not None):
            raise ValueError(
                f"{self.setting} {'needs' if keyed else 'takes no'} key; {'add' if keyed else 'remove'} it"
            )
        if self.value is not None and self.matches is not None:
            raise ValueError("write value or matches, not both")
        if valued and (not self.present or self.setting in LISTS):
            raise ValueError("what is absent, and a port, a volume or a trigger, has no value; remove it")
        if self.setting in WORDS and (not isinstance(self.value, list) or self.matches is not None):
            raise ValueError(f"write the words of {self.setting} as a list in value, [] for none")
        if self.setting in TEXTS and not valued:
            raise ValueError(f"write what {self.setting} is in value or matches")
        if isinstance(self.value, list) and self.setting not in WORDS:
            raise ValueError(f"write the value of {self.setting} as a text")
        return self


def form_of(check: CommandCheck | FileCheck | SettingCheck) -> str:
    """Return the key that tells what is checked: command, file or setting."""
    return "command" if isinstance(check, CommandCheck) else "file" if isinstance(check, FileCheck) else "setting"


def _form(value: Any) -> str:
    """Return which form a table has, by the one key that only this form has."""
    if isinstance(value, dict):
        found = [key for key in ("file", "setting", "command") if key in value]
        return KIND + found[0] if len(found) == 1 else ""
    return KIND + (form_of(value) if isinstance(value, CommandCheck | FileCheck | SettingCheck) else "")


OwnCheck = Annotated[
    Annotated[CommandCheck, Tag(f"{KIND}command")]
    | Annotated[FileCheck, Tag(f"{KIND}file")]
    | Annotated[SettingCheck, Tag(f"{KIND}setting")],
    Discriminator(
        _form,
        custom_error_type="own_check",
        custom_error_message="write one of the keys command, file and setting: they tell what is checked",
    ),
]
OwnChecks = list[OwnCheck]


def twice(checks: Iterable[CommandCheck | FileCheck | SettingCheck]) -> list[str]:
    """Return the names that more than one check has."""
    names = [check.name for check in checks]
    return sorted({name for name in names if names.count(name) > 1})
