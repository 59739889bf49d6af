"""The part of the contract that says how an image is configured: what it does not allow is a finding."""

import re
from signal import Signals
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DIRECTORY = r"^(/[A-Za-z0-9_.@+-]+)+$"
PORT_NUMBER = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
USER, PORT = r"^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$", rf"^{PORT_NUMBER}/(tcp|udp|sctp)$"
NAME, TEXT = r"^[^=\x00\s]+$", r"^[^\x00]*$"
# Directories of the system at the root, with all that is below them
SYSTEM = {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "sbin", "sys", "usr"}
LAST_ID = 2**32 - 2  # Linux: the next one means "none"
SIGNALS = 64  # Linux numbers them from 1
UNCATCHABLE = {Signals.SIGKILL, Signals.SIGSTOP}
ANSWERS_NOTHING = {"true", ":", "echo", "printf", "exit", "NONE"}  # commands that succeed whatever the server does


def own_directory(path: str) -> str:
    """Refuse a directory of the system or of the environment, and a path that does not lead straight to its end."""
    parts = path.split("/")[1:]
    if {".", ".."} & set(parts):
        raise ValueError("write the path without . and ..")
    if parts[0] in SYSTEM or parts == ["opt"] or parts[:2] == ["opt", "venv"]:
        raise ValueError(
            "it is the system's or the environment's; name one of the application's own, for example /data"
        )
    return path


def unprivileged(user: str) -> str:
    """Refuse root, and a number that no account can have."""
    ids = [int(number) for number in user.split(":")]
    if ids[0] == 0:
        raise ValueError('user 0 is root; name another, for example "10001:10001"')
    if max(ids) > LAST_ID:
        raise ValueError(f"write numbers of {LAST_ID} at most")
    return user


def distinct(values: list[Any]) -> list[Any]:
    """Refuse a list that names something twice."""
    if twice := [value for place, value in enumerate(values) if value in values[:place]]:
        raise ValueError(f"{twice[0]!r} is there twice; name each once")
    return values


def stopping(name: str) -> str:
    """Refuse what is no signal, and the signals that no process can heed."""
    if not name:
        return name
    if re.fullmatch(r"[1-9][0-9]?", name):
        number = int(name)
    else:
        number = Signals.__members__.get(f"SIG{name.removeprefix('SIG')}", 0)
    if not 1 <= number <= SIGNALS:
        raise ValueError("write a signal's name, for example SIGTERM, or its number from 1 to 64")
    if number in UNCATCHABLE:
        raise ValueError("no server can heed this signal; name another, for example SIGTERM")
    return name


def asking(command: list[str]) -> list[str]:
    """Refuse a command that succeeds without asking the server."""
    if command[0].rpartition("/")[2] in ANSWERS_NOTHING:
        raise ValueError("it asks no server; write the words before the address that is asked")
    return command


Distinct = AfterValidator(distinct)
AbsolutePath = Annotated[str, Field(pattern=DIRECTORY), AfterValidator(own_directory)]
Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(pattern=TEXT)]


class Strict(BaseModel):
    """No unknown keys, no coercion, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Bounds(Strict):
    """The least and the most that a number may be."""

    at_least: Annotated[float, Field(ge=0)]
    at_most: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError("at_least cannot exceed at_most")
        return self


def whole(bounds: Bounds) -> Bounds:
    """Refuse bounds that no count can have."""
    for bound in (bounds.at_least, bounds.at_most):
        if not bound.is_integer():
            raise ValueError(f"write whole numbers, not {bound:g}")
    return bounds


class HealthcheckDemand(Strict):
    """The HEALTHCHECK of an image: its words before the address that it asks, and its times in seconds."""

    command: Annotated[list[Text], Field(min_length=1), AfterValidator(asking)]
    interval: Bounds
    timeout: Bounds
    start_period: Bounds
    start_interval: Bounds
    retries: Annotated[Bounds, AfterValidator(whole)]  # a count

    @property
    def numbers(self) -> dict[str, Bounds]:
        """The bounds, by name."""
        return {name: value for name, value in self if isinstance(value, Bounds)}

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.timeout.at_most > self.interval.at_most:
            raise ValueError("timeout.at_most cannot exceed interval.at_most")
        return self


class Configuration(Strict):
    """All that an image may set beyond its base image. What is empty here, no image may set."""

    user: Annotated[str, Field(pattern=USER), AfterValidator(unprivileged)] | None = None
    working_directory: AbsolutePath | None = None
    environment: dict[Name, Text] = {}
    labels: dict[Name, Text] = {}
    command: list[Text] = []
    entrypoint: list[Text] = []
    ports: Annotated[list[Annotated[str, Field(pattern=PORT)]], Distinct] = []
    volumes: Annotated[list[AbsolutePath], Distinct] = []
    shell: list[Text] = []
    stop_signal: Annotated[str, AfterValidator(stopping)] = ""
    on_build: list[Text] = []
    healthcheck: HealthcheckDemand | None = None

    def with_(self, other: "Configuration") -> "Configuration":
        """Return this configuration with another's keys: tables are joined, everything else is replaced."""
        changes = {name: getattr(other, name) for name in other.model_fields_set}
        for table in {"environment", "labels"} & changes.keys():
            changes[table] = {**getattr(self, table), **changes[table]}
        return self.model_copy(update=changes)
