"""What was seen of the images at work together: the values between observing and judging (``e2e/observed.json``)."""

from typing import Any, Literal

from pydantic import Field

from deploy.artifacts import Model
from verify.judge.end_to_end import Used


class Answer(Model):
    """The backend's answer to one question, asked from inside the network until it was as waited for."""

    method: str
    path: str
    status: int  # of HTTP; 0 for no answer
    body: Any
    seconds: float  # from the first try to this answer
    limit: float  # seconds that it was given
    waited_for: str  # in words; "" where any answer would do
    met: bool  # whether it came to that


class Printed(Model):
    """A command that was run in a container."""

    command: list[str]
    exit_code: int | None  # None where it did not end in time
    output: str


class Seen(Model):
    """The engine's own word on a container. Times are the engine's clock, RFC 3339; "" for not yet."""

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


class Scene(Model):
    """What one scene came to: each thing under the name by which the checks know it."""

    answers: dict[str, Answer] = Field(default_factory=dict)
    printed: dict[str, Printed] = Field(default_factory=dict)
    containers: dict[str, Seen] = Field(default_factory=dict)
    times: dict[str, float] = Field(default_factory=dict)  # seconds on the host's clock
    error: str = ""  # why it broke off: the engine's words
    seconds: float = 0.0


class Observed(Model):
    """``e2e/observed.json``: everything that was seen."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    images: dict[str, Used] = Field(default_factory=dict)  # by role
    refused: str = ""  # why nothing was started
    scenes: dict[str, Scene] = Field(default_factory=dict)  # by name; one that is missing was not come to
    containers: dict[str, Seen] = Field(default_factory=dict)  # at the end, by name, with their whole logs
    seconds: float = 0.0
