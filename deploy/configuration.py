"""The part of the contract that says how an image is configured: what it does not allow is a finding."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DIRECTORY = r"^(/[\w.@+-]+)+$"
USER, PORT = r"^\d+:\d+$", r"^\d{1,5}/(tcp|udp|sctp)$"
AbsolutePath = Annotated[str, Field(pattern=DIRECTORY)]
Words = Annotated[list[str], Field(min_length=1)]


class Strict(BaseModel):
    """No unknown keys, no coercion, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Bounds(Strict):
    """The least and the most that a number may be."""

    at_least: Annotated[float, Field(ge=0)]
    at_most: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError("at_least cannot exceed at_most")
        return self


class HealthcheckDemand(Strict):
    """The HEALTHCHECK of an image: its words before the address that it asks, and its times in seconds."""

    command: Words
    interval: Bounds
    timeout: Bounds
    start_period: Bounds
    start_interval: Bounds
    retries: Bounds  # a count

    @property
    def numbers(self) -> dict[str, Bounds]:
        """The bounds, by name."""
        return {name: value for name, value in self if isinstance(value, Bounds)}


class Configuration(Strict):
    """All that an image may set beyond its base image. What is empty here, no image may set."""

    user: Annotated[str, Field(pattern=USER)] | None = None
    working_directory: AbsolutePath | None = None
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}
    command: list[str] = []
    entrypoint: list[str] = []
    ports: list[Annotated[str, Field(pattern=PORT)]] = []
    volumes: list[AbsolutePath] = []
    shell: list[str] = []
    stop_signal: str = ""
    on_build: list[str] = []
    healthcheck: HealthcheckDemand | None = None

    def with_(self, other: "Configuration") -> "Configuration":
        """Return this configuration with another's keys: tables are joined, everything else is replaced."""
        changes = {name: getattr(other, name) for name in other.model_fields_set}
        for table in {"environment", "labels"} & changes.keys():
            changes[table] = {**getattr(self, table), **changes[table]}
        return self.model_copy(update=changes)
