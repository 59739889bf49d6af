"""The values between observing an image and judging it (``observed.json``)."""

from typing import Any, Literal

from pydantic import Field

from deploy.artifacts import Model
from deploy.build_record import Base


class Proof(Model):
    """The engine's own statement that a container ran, and which image it ran."""

    container_id: str
    image_id: str
    started: str  # the engine's clock, RFC 3339; "" for a container that never started
    finished: str
    exit_code: int
    out_of_memory: bool


class ProbeResult(Model):
    """What became of one probe, or of one command, inside the probe container."""

    outcome: Literal["ended", "timed out", "not started"]
    exit_code: int | None = None
    seconds: float = 0.0
    printed: str = ""
    printed_bytes: int = 0
    report: dict[str, Any] | None = None
    error: str = ""


class ProbeRun(Model):
    """The container that ran the probes. ``results`` is None where its one document is missing or foreign."""

    nonce: str
    proof: Proof | None
    seconds: float
    results: dict[str, ProbeResult] | None
    error: str = ""  # why there are no results
    refused: bool = False  # the error is the engine's: it refused, was silent, or went
    output: str = ""  # the beginning of what it printed, where that is no document


class Stop(Model):
    """How the engine stopped a container: by the image's stop signal, and by SIGKILL after the seconds allowed."""

    allowed: float
    took: float


class ControlRun(Model):
    """The container of the base image that has to run before an image is blamed."""

    reference: str  # of the base image; "" where the engine did not say whether it has it
    error: str = ""  # how it failed, in the engine's or the program's words


class ServerRun(Model):
    """The container that ran the image's own command."""

    proof: Proof | None
    health: str  # in the engine's words: healthy, unhealthy, starting, none
    running: bool
    seconds_to_healthy: float | None
    reply: str  # what the HEALTHCHECK printed last
    asked: ProbeResult | None  # our own requests to the server, from inside the container
    log: str  # the end of it
    log_bytes: int | None = None  # all of it, as far as it was read; None where the engine keeps none
    processes: int | None = None  # and threads, where it could not be asked
    stop: Stop | None = None  # None where it was not running then
    error: str = ""


class Subject(Model):
    """The image that a tag pointed to when verification started."""

    tag: str
    image_id: str
    identity: str
    layers: list[str]
    platform: str = ""
    user: str
    environment: dict[str, str]
    command: list[str]
    entrypoint: list[str]
    healthcheck: list[str]
    shell: list[str] = Field(default_factory=list)  # the image's SHELL, where it sets one
    volumes: list[str] = Field(default_factory=list)  # directories that are declared so
    working_directory: str = ""
    stop_signal: str = ""
    ports: list[str] = Field(default_factory=list)
    on_build: list[str] = Field(default_factory=list)
    author: str = ""
    healthcheck_numbers: dict[str, float] = Field(default_factory=dict)  # times in seconds and tries, by name
    unhealthy_after: float | None = None  # seconds until HEALTHCHECK reports a server that never answers, at most
    labels: dict[str, str]
    history: list[str]

    @property
    def has_healthcheck(self) -> bool:
        """Whether a HEALTHCHECK is declared; ``NONE`` is Docker's word for taking the base's away."""
        return self.healthcheck not in ([], ["NONE"])


FLOODED = "it printed more than is read, and was stopped"


class CommandSeen(Model):
    """What came of a command of a check of the contract's own."""

    proof: Proof | None = None  # of the command's container
    image_id: str = ""  # that it ran: the subject, or what the setup commands made of it
    late: bool = False
    flooded: bool = False  # it printed more than is read
    found: dict[str, list[str]] = Field(default_factory=dict)  # stream -> which of the check's expressions are in it
    stdout: str = ""  # the beginning
    stderr: str = ""
    refused: str = ""  # the engine's words, where it started no container
    setup: str = ""  # the setup command that did not end with 0, in words; "" for none


class FileSeen(Model):
    """What lies at a path of the image, as the engine hands it over: nothing of the image runs."""

    path: str
    kind: Literal["nothing", "file", "directory", "link", "other"]
    owner: int = 0
    group: int = 0
    mode: int = 0
    found: list[str] | None = None  # which of the check's expressions are in the content; None where it was not read
    unread: str = ""  # why the content was not read, where it was to be


class OwnSeen(Model):
    """What was seen for the checks of the contract's own, by their names."""

    commands: dict[str, CommandSeen] = Field(default_factory=dict)
    files: dict[str, list[FileSeen]] = Field(default_factory=dict)
    errors: dict[str, str] = Field(default_factory=dict)  # why one was not seen


class Observation(Model):
    """``observed.json``: everything that was seen of one role's image. A part that is None could not be seen."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    role: str
    subject: Subject | None = None
    probes: ProbeRun | None = None
    server: ServerRun | None = None
    gpu: ProbeRun | None = None
    base: Base | None = None  # of an image that was not built here
    base_error: str = ""  # why it is not known
    control: ControlRun | None = None  # None where the engine has no base image, or does not answer
    # The application in further processes: where the server answers otherwise, does the application agree with itself?
    repeats: list[ProbeRun] = Field(default_factory=list)
    own: OwnSeen | None = None  # None where the contract has no checks of its own, or they were not done in time
    contents_error: str = ""
    error: str = ""  # why there is no subject
    gone: bool = False  # the image was removed while it was looked at, as a rebuild does on containerd's image store
    seconds: float = 0.0
