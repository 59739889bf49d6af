"""What a build and its worker process exchange: one request in, and one JSON document a line out."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from deploy.contract import ROLE_LABEL, Strict
from deploy.engine.connection import Engine

APPLICATION = "application"  # the stage of every Dockerfile that is the application's layer alone


class Options(Strict):
    """The options of buildx, by the names of python-on-whales."""

    context_path: str
    file: str
    tags: Annotated[list[str], Field(min_length=1)]
    build_args: dict[str, str]
    build_contexts: dict[str, str]
    secrets: list[str]
    target: str | None = None
    labels: dict[str, str] | None = None
    cache_from: dict[str, str] | None = None
    cache_to: dict[str, str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are set, as keyword arguments."""
        return self.model_dump(exclude_none=True)

    def application_alone(self) -> "Options":
        """Return the options that build the application's layer alone, under a tag of its own and without a cache."""
        return Options(
            context_path=self.context_path,
            file=self.file,
            tags=[f"{self.tags[0]}-{APPLICATION}"],
            build_args=self.build_args,
            build_contexts=self.build_contexts,
            secrets=self.secrets,
            target=APPLICATION,
            labels={ROLE_LABEL: APPLICATION},  # by which `clean` knows one that a killed build left
        )


class BuildRequest(Strict):
    """A build, as its worker process is asked for it."""

    engine: Engine
    base_layers: int  # the number of the base image's layers
    writable: list[str]
    deadline: float  # seconds that the engine has for each answer
    options: Options


class Line(Strict):
    """A line that buildx printed."""

    kind: Literal["line"] = "line"
    text: str


class Phase(Strict):
    """What the worker does after buildx has ended."""

    kind: Literal["phase"] = "phase"
    name: str


class Built(Strict):
    """The last message of a build that went well."""

    kind: Literal["built"] = "built"
    image_id: str
    identity: str
    layers: list[str]  # diff ids
    unpacked_bytes: int
    added_bytes: int


class Failed(Strict):
    """The last message of a build that failed."""

    kind: Literal["failed"] = "failed"
    reason: str


Message = Annotated[Line | Phase | Built | Failed, Field(discriminator="kind")]
MESSAGE: TypeAdapter[Line | Phase | Built | Failed] = TypeAdapter(Message)


def printable(text: str) -> str:
    """Return a text that JSON can carry: file names may hold bytes that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()
