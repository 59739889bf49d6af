"""What a build says of itself, and the identity that ties it to what is verified."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from deploy.contents import Model

IDENTITY = "ktrdr:identity"  # the property of a bill of materials that says which image it is of

# What of an image's configuration decides its behaviour; labels and history do not.
BEHAVIOUR = (
    "Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Shell", "StopSignal", "Volumes",
)  # fmt: skip


def identity(inspected: dict[str, Any]) -> str:
    """Return the digest over an image's layers and the configuration that decides its behaviour.

    The same on every engine, because it is made from the image specification's own values (OCI: ``rootfs.diff_ids``
    and ``config``), not from the engine's image id. ``inspected`` is the engine's answer about the image.
    """
    config = inspected.get("Config") or {}
    behaviour = {key: config.get(key) or None for key in BEHAVIOUR}
    document = {"layers": diff_ids(inspected), "config": behaviour}
    return "sha256:" + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def diff_ids(inspected: dict[str, Any]) -> list[str]:
    """Return the digests of the image's unpacked layers, the lowest first."""
    return list((inspected.get("RootFS") or {}).get("Layers") or [])


class Base(Model):
    """The base image that a build started from."""

    reference: str
    origin: Literal["given", "local", "registry", "bootstrapped"]
    layers: list[str]  # diff ids


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

    schema_: Literal[2] = Field(default=2, alias="schema")
    role: str
    tag: str
    image_id: str
    identity: str
    layers: list[str]  # diff ids
    unpacked_bytes: int
    added_bytes: int
    started: str  # UTC, ISO 8601
    seconds: float
    steps: list[StepRecord]
    exporting_seconds: float | None = None  # the builder's handing the image over to the engine
    reading_seconds: float | None = None  # of its layers, waiting for whoever reads the same ones included
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
