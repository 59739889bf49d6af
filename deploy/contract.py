"""The contract, ``deploy/docker/images.toml``, as typed and validated values."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from deploy.allowed_files import Files, Pattern, Reason
from deploy.configuration import AbsolutePath, Configuration, Distinct, Strict, Text
from deploy.errors import Exit, Problem
from deploy.forms import (
    ARCHITECTURE,
    BUILD,
    COMMAND,
    DOTTED,
    HEALTH,
    HEALTH_PATH,
    LINE,
    MODULE,
    PACKAGE,
    PYTHON,
    RELATIVE,
    ROLE,
    TAG,
    importable,
    no_keyword,
    within,
)
from deploy.own_checks import OwnChecks
from deploy.serving import Limits, Serving
from deploy.sizes import Bytes

ROLE_LABEL = "ktrdr.role"  # of every image of ours
DESCRIPTION_LABEL, REVISION_LABEL = (f"org.opencontainers.image.{name}" for name in ("description", "revision"))
UNKNOWN = "unknown"  # the base image of an image that nobody knows it of

Torch = Literal["absent", "cpu", "cuda"]


def parse_cuda(value: Any) -> Any:
    """Accept ``"n/a"`` (TOML has no null), ``false`` and ``"host_dependent"``, the specification's three values."""
    if value is False or value in ("n/a", "host_dependent"):
        return value
    raise ValueError('write "n/a" (no torch), false (CPU-only torch) or "host_dependent" (CUDA torch)')


def parse_platform(value: Any) -> Any:
    """Accept the one platform that images have."""
    if value == "linux/amd64":
        return value
    raise ValueError("write 'linux/amd64': images have no other platform")


DottedName = Annotated[str, Field(pattern=DOTTED)]
CommandName = Annotated[str, Field(pattern=COMMAND)]
Architecture = Annotated[str, Field(pattern=ARCHITECTURE)]
WorkerType = Literal["training", "backtest"]
Build = Annotated[str, Field(pattern=BUILD)]
Tag = Annotated[str, Field(pattern=TAG)]
Packages = Annotated[list[Annotated[str, Field(pattern=PACKAGE)]], Distinct]


class Application(Strict):
    """The FastAPI application that must never load, nor even try to load, a heavy package."""

    module: Annotated[DottedName, AfterValidator(importable)]
    attribute: Annotated[DottedName, AfterValidator(no_keyword)]
    health: Annotated[str, Field(pattern=HEALTH_PATH)]
    openapi: Annotated[str, Field(pattern=HEALTH_PATH)] = "/openapi.json"  # where it publishes its operations
    more_routes_than: Annotated[int, Field(ge=0)]
    more_new_modules_than: Annotated[int, Field(ge=0)]
    heavy: Annotated[
        list[Annotated[str, Field(pattern=MODULE), AfterValidator(importable)]], Field(min_length=1), Distinct
    ]
    late_import_seconds: Annotated[float, Field(ge=0, le=60)]  # how long a server at rest is listened to
    commands: Annotated[list[CommandName], Field(min_length=1), Distinct]


class Allowed(Strict):
    """An exception to a check on the image's files, with the reason why it is right."""

    path: Pattern  # fnmatch pattern over absolute paths
    reason: Reason


class Image(Strict):
    """One image: what it is built from and what must be true of it."""

    role: Annotated[str, Field(pattern=ROLE)]
    name: Tag
    # Where it comes from: it is built here, or it is of a registry (or on the engine), or in a file or a directory
    source: Literal["build", "registry", "archive", "oci-layout"] = "build"
    dockerfile: Annotated[str, Field(pattern=RELATIVE), AfterValidator(within)] = ""
    path: Annotated[str, Field(pattern=RELATIVE), AfterValidator(within)] = ""  # of an archive or a layout
    base: Annotated[str, Field(pattern=LINE)] = ""  # of an image that is not built here; UNKNOWN, or "" for its labels
    description: Annotated[str, Field(pattern=LINE)]
    torch_expected: bool
    cuda_expected: Annotated[Literal["n/a", "host_dependent", False], BeforeValidator(parse_cuda)]
    worker_types: Annotated[list[WorkerType], Distinct] = Field(default_factory=list)  # that it is for
    # Local labels of the versions that it may have, and what a CUDA build must have code for
    torch_builds: Annotated[list[Build], Distinct] = Field(default_factory=list)
    gpu_architectures: Annotated[list[Architecture], Distinct] = Field(default_factory=list)
    extras: Annotated[list[Text], Distinct] = Field(default_factory=list)
    groups: Annotated[list[Text], Distinct] = Field(default_factory=list)
    added_at_most: Bytes
    total_at_most: Bytes
    growth_at_most: Bytes | None = None
    health: Annotated[str, Field(pattern=HEALTH)]  # where the server answers, seen from inside
    healthcheck: bool = True  # whether it has a HEALTHCHECK
    # Seconds within which the server of an image without HEALTHCHECK gives its first answer
    ready_within: Annotated[float, Field(ge=0, le=240)] = 60.0
    limits: Limits
    # Directories that the application writes to; all else is read-only
    writable: Annotated[list[AbsolutePath], Distinct] = Field(default_factory=list)
    duplicate_libraries: list[Allowed] = Field(default_factory=list)
    configuration: Configuration = Configuration()  # added to the contract's own, or in its place
    packages: Packages = Field(default_factory=list)  # added to the contract's own
    files: Files = Field(default_factory=dict)  # added to the contract's own
    checks: OwnChecks = Field(default_factory=list)  # added to the contract's own

    @property
    def built_here(self) -> bool:
        """Whether this checkout builds it, so that a build record is due."""
        return self.source == "build"

    @property
    def torch(self) -> Torch:
        """Which PyTorch build the role demands."""
        if not self.torch_expected:
            return "absent"
        return "cuda" if self.cuda_expected == "host_dependent" else "cpu"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.built_here != bool(self.dockerfile):
            raise ValueError('dockerfile is there where source is "build", which is the default, and nowhere else')
        if (self.source in ("archive", "oci-layout")) != bool(self.path):
            raise ValueError('path is there where source is "archive" or "oci-layout", and nowhere else')
        if self.base and self.built_here:
            raise ValueError("base is for an image that is not built here: the build record names any other's")
        if self.torch_expected == (self.cuda_expected == "n/a"):
            raise ValueError(
                'cuda_expected is "n/a" where torch_expected is false, and false or "host_dependent" where it is true'
            )
        if bool(self.torch_builds) != self.torch_expected:
            raise ValueError("torch_builds names one at least where torch_expected is true, else none")
        if bool(self.gpu_architectures) != (self.torch == "cuda"):
            raise ValueError('gpu_architectures names one at least where cuda_expected is "host_dependent", else none')
        if self.added_at_most > self.total_at_most:
            raise ValueError("added_at_most is part of total_at_most and cannot exceed it")
        return self


class Contract(Strict):
    """The whole of ``images.toml``."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    python: Annotated[str, Field(pattern=PYTHON)]
    platform: Annotated[Literal["linux/amd64"], BeforeValidator(parse_platform)]  # of every image
    application: Application
    configuration: Configuration = Configuration()  # of every image
    serving: Serving
    packages: Packages = Field(default_factory=list)  # Debian packages that every image adds to its base
    files: Files = Field(default_factory=dict)  # what else every image adds to its base, each with its kind and reason
    checks: OwnChecks = Field(default_factory=list)  # of every image, beside those that are built in
    images: Annotated[dict[str, Image], Field(min_length=1)]
    _digest: str = PrivateAttr("")

    def model_post_init(self, context: Any) -> None:
        """Keep the digest of the file, where it was read from one."""
        self._digest = (context or {}).get("digest", "")

    @property
    def digest(self) -> str:
        """The digest of the file's bytes, written sha256:HEX; "" where it was read from none."""
        return self._digest

    @property
    def roles(self) -> list[str]:
        """The images' keys, in the file's order."""
        return list(self.images)

    def serves_api(self, image: Image) -> bool:
        """Whether an image runs the API, and no worker: its server answers at the application's own address."""
        return image.health.endswith(self.application.health)

    def rest_of(self, image: Image) -> float:
        """Return for how many seconds an image's server is watched while nobody asks it."""
        listening = self.application.late_import_seconds if self.serves_api(image) else 0.0
        return max(self.serving.rest_seconds, listening)

    def configuration_of(self, image: Image) -> Configuration:
        """Return all that an image may set: what every image may, with its own keys, its role and its description."""
        own = {ROLE_LABEL: image.role, DESCRIPTION_LABEL: image.description} if image.built_here else {}
        return self.configuration.with_(image.configuration).with_(Configuration(labels=own))

    def packages_of(self, image: Image) -> set[str]:
        """Return the Debian packages that an image adds to its base image."""
        return {*self.packages, *image.packages}

    def files_of(self, image: Image) -> Files:
        """Return what an image adds beside distributions, packages and the application, by path."""
        return self.files | image.files

    def checks_of(self, image: Image) -> OwnChecks:
        """Return the checks of the contract's own on an image, those of every image first."""
        return [*self.checks, *image.checks]

    def select(self, roles: list[str]) -> list[Image]:
        """Return the images of the named roles, all of them where none is named.

        Raises:
            Problem: a name is no role (exit 2).

        """
        unknown = [role for role in roles if role not in self.images]
        if unknown:
            raise Problem(
                "reading the roles on the command line",
                f"no such role: {', '.join(unknown)}",
                f"name one or more of: {', '.join(self.roles)}",
                Exit.USAGE,
            )
        return [image for role, image in self.images.items() if not roles or role in roles]
