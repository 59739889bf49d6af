"""What a build and its worker process exchange: one request in, and one JSON document a line out."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from deploy.configuration import Strict
from deploy.engine.connection import Engine


class Options(Strict):
    """The options of buildx, by the names of python-on-whales."""

    context_path: str
    file: str
    tags: Annotated[list[str], Field(min_length=1)]
    build_args: dict[str, str]
    build_contexts: dict[str, str]
    platforms: list[str]
    secrets: list[str]
    cache_from: dict[str, str] | None = None
    cache_to: dict[str, str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are set, as keyword arguments."""
        return self.model_dump(exclude_none=True)


class BuildRequest(Strict):
    """A build, as its worker process is asked for it."""

    engine: Engine
    options: Options


class Line(Strict):
    """A line that buildx printed."""

    kind: Literal["line"] = "line"
    text: str


class Built(Strict):
    """The last message of a build that went well."""

    kind: Literal["built"] = "built"
    image_id: str
    identity: str
    layers: list[str]  # diff ids


class Failed(Strict):
    """The last message of a build that failed."""

    kind: Literal["failed"] = "failed"
    reason: str


Message = Annotated[Line | Built | Failed, Field(discriminator="kind")]
MESSAGE: TypeAdapter[Line | Built | Failed] = TypeAdapter(Message)


def printable(text: str) -> str:
    """Return a text that JSON can carry: file names may hold bytes that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()
