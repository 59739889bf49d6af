"""The build record: everything about one finished build, for the stages after it."""

from typing import Literal

from pydantic import Field

from deploy.artifacts import Model


class Base(Model):
    """The base image that a build started from."""

    reference: str
    origin: Literal["given", "local", "registry", "bootstrapped", "named"]  # named: by a contract or a label
    layers: list[str]  # diff ids
    # What every image inherits from it; secrets are masked
    environment: dict[str, str]
    labels: dict[str, str]
    ports: list[str]
    shell: list[str]
    stop_signal: str
    author: str = ""  # records that were written before this key have none


class StepRecord(Model):
    """One instruction of the Dockerfile, as this build went through it."""

    name: str
    cached: bool
    seconds: float
    after: float | None = None  # seconds from the build's first step to this one's start


class Source(Model):
    """The checkout that was built."""

    revision: str
    dirty: bool
    lock_sha256: str


class BuildRecord(Model):
    """``build.json``: everything about one finished build."""

    schema_: Literal[4] = Field(default=4, alias="schema")
    role: str
    tag: str
    image_id: str
    identity: str
    layers: list[str]  # diff ids
    started: str  # UTC, ISO 8601
    seconds: float
    steps: list[StepRecord]
    exporting_seconds: float | None = None  # the builder's handing the image over to the engine
    source: Source
    inputs: str  # digest of the files that it was built from
    base: Base
    torch_source: str
    tools: dict[str, str]  # name -> version

    @property
    def steps_cached(self) -> int:
        """How many instructions came from the cache."""
        return sum(step.cached for step in self.steps)

    @property
    def steps_run(self) -> int:
        """How many instructions were carried out."""
        return len(self.steps) - self.steps_cached
