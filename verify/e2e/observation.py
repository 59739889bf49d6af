"""The values between observing the images at work together and judging them (``e2e/observed.json``)."""

from typing import Any, Literal

from pydantic import Field

from deploy.artifacts import Model
from verify.judge.end_to_end import Used


class Answer(Model):
    """The backend's answer to one call from inside the network, repeated until the answer met its condition."""

    method: str
    path: str
    status: int  # of HTTP; 0 for no answer
    body: Any
    seconds: float  # from the first try to this answer
    limit: float  # seconds that it was given
    waited_for: str  # the condition in words; "" where any answer would do
    met: bool  # whether the answer met it


class Printed(Model):
    """A command that was run in a container."""

    command: list[str]
    exit_code: int | None  # None where it did not end in time
    output: str


class ContainerState(Model):
    """A container's state in the engine's words. Times are the engine's clock, RFC 3339; "" for not yet."""

    name: str
    role: str
    container_id: str
    image_id: str
    started: str
    finished: str
    running: bool
    exit_code: int
    out_of_memory: bool
    log: str = ""


class ScenarioObservation(Model):
    """What was seen of one scenario, under names that the checks know."""

    answers: dict[str, Answer] = Field(default_factory=dict)
    printed: dict[str, Printed] = Field(default_factory=dict)
    containers: dict[str, ContainerState] = Field(default_factory=dict)
    times: dict[str, float] = Field(default_factory=dict)  # seconds on the host's clock
    error: str = ""  # why it broke off: the engine's words
    seconds: float = 0.0


class SystemObservation(Model):
    """``e2e/observed.json``: everything that was seen."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    images: dict[str, Used] = Field(default_factory=dict)  # by role
    refused: str = ""  # why nothing was started
    # By name; a scenario that is missing did not run
    scenarios: dict[str, ScenarioObservation] = Field(default_factory=dict, alias="scenes")
    containers: dict[str, ContainerState] = Field(default_factory=dict)  # at the end, by name, with their whole logs
    seconds: float = 0.0
