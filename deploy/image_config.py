"""An image's configuration as one value, and the identity that ties a build to what is verified.

Nothing else reads the engine's answer about an image, or the configuration that a registry holds of it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

# What of an image's configuration decides its behaviour; labels and history do not.
BEHAVIOUR = (
    "Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Shell", "StopSignal", "Volumes",
)  # fmt: skip
# Identities of this platform are older than the platform's part in them, and stay what they were.
FIRST_PLATFORM = "linux/amd64"
# The platforms that images may have, and the machine of each in the words of uname(2)
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# What a variant adds nothing to: every processor of the architecture has it (containerd, platforms.Normalize).
PLAIN = {"amd64/v1", "arm64/v8", "arm64/8"}
# What engines do where an image says nothing (Dockerfile, HEALTHCHECK)
DEFAULT_SECONDS, DEFAULT_START_SECONDS, DEFAULT_RETRIES = 30.0, 5.0, 3
_NANOSECONDS = 1e9  # in a second
_TIMES = ("interval", "timeout", "start_period", "start_interval")  # the engine writes StartPeriod and so on


@dataclass(frozen=True)
class Healthcheck:
    """The HEALTHCHECK that an image declares; times in seconds."""

    test: tuple[str, ...] = ()
    interval: float = DEFAULT_SECONDS
    timeout: float = DEFAULT_SECONDS
    start_period: float = 0.0
    retries: int = DEFAULT_RETRIES
    start_interval: float = DEFAULT_START_SECONDS

    @property
    def numbers(self) -> dict[str, float]:
        """The times in seconds and the count of tries, by name."""
        return {name: value for name, value in vars(self).items() if name != "test"}


@dataclass(frozen=True)
class ImageConfig:
    """The configuration of one image. What it leaves out is empty here, however the engine writes that."""

    image_id: str
    identity: str
    layers: tuple[str, ...]  # diff ids: digests of the unpacked layers, the lowest first
    platform: str = ""  # operating system, architecture, and its variant: linux/amd64
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    working_directory: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] = ()
    stop_signal: str = ""
    volumes: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    on_build: tuple[str, ...] = ()
    author: str = ""  # MAINTAINER, or `docker commit --author`
    # Where the engine keeps each layer as a directory on its machine; empty where it says nothing of that
    directories: tuple[str, ...] = field(default=(), compare=False)

    @property
    def path(self) -> str:
        """The directories in which programs are searched (the variable PATH)."""
        return self.environment.get("PATH", "")

    @property
    def healthcheck_test(self) -> tuple[str, ...]:
        """The ``Test`` of the HEALTHCHECK: ``CMD`` or ``CMD-SHELL`` and its words; empty where there is none."""
        return self.healthcheck.test if self.healthcheck else ()

    @classmethod
    def from_inspect(cls, inspected: Mapping[str, Any]) -> Self:
        """Read the engine's answer about an image (``docker image inspect``)."""
        layers = (inspected.get("RootFS") or {}).get("Layers")
        platform = _platform(*(inspected.get(key) or "" for key in ("Os", "Architecture", "Variant")))
        config = cls._read(str(inspected.get("Id") or ""), inspected.get("Config"), layers, platform)
        directories = _directories(inspected.get("GraphDriver") or {}, len(config.layers))
        return replace(config, directories=directories, author=str(inspected.get("Author") or ""))

    @classmethod
    def from_registry(cls, digest: str, document: Mapping[str, Any]) -> Self | None:
        """Read the configuration that a registry holds under this digest (OCI); None where it is of no image."""
        layers = (document.get("rootfs") or {}).get("diff_ids")
        platform = _platform(*(document.get(key) or "" for key in ("os", "architecture", "variant")))
        return cls._read(digest, document.get("config"), layers, platform) if layers else None

    @classmethod
    def _read(cls, image_id: str, config: Mapping[str, Any] | None, layers: list[str] | None, platform: str) -> Self:
        config, layers = config or {}, layers or []
        pairs = (entry.partition("=") for entry in config.get("Env") or [])
        return cls(
            image_id=image_id,
            identity=_identity(config, layers, platform),
            layers=tuple(layers),
            platform=platform,
            user=config.get("User") or "",
            environment={name: value for name, _, value in pairs},
            working_directory=config.get("WorkingDir") or "",
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            healthcheck=_healthcheck(config.get("Healthcheck") or {}),
            shell=tuple(config.get("Shell") or ()),
            stop_signal=config.get("StopSignal") or "",
            volumes=tuple(config.get("Volumes") or ()),
            exposed_ports=tuple(config.get("ExposedPorts") or ()),
            labels=config.get("Labels") or {},
            on_build=tuple(config.get("OnBuild") or ()),
        )


def declared_healthcheck(inspected: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an image's HEALTHCHECK from the engine's answer about it, as a new container takes it."""
    return (inspected.get("Config") or {}).get("Healthcheck")


def _directories(driver: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    """Return the directories of so many layers, the lowest first, where the engine's store is a directory a layer."""
    data = driver.get("Data") or {}
    upper, lower = data.get("UpperDir") or "", data.get("LowerDir") or ""
    found = tuple(reversed([upper, *(lower.split(":") if lower else [])]))
    return found if driver.get("Name") == "overlay2" and all(found) and len(found) == layers else ()


def _healthcheck(declared: Mapping[str, Any]) -> Healthcheck | None:
    if not declared:
        return None
    named = {name: declared.get(name.title().replace("_", "")) for name in _TIMES}
    times = {name: value / _NANOSECONDS for name, value in named.items() if value}
    return Healthcheck(tuple(declared.get("Test") or ()), retries=declared.get("Retries") or DEFAULT_RETRIES, **times)


def _platform(system: str, architecture: str, variant: str) -> str:
    """Return an image's platform as one text, the same however the engine writes it; "" where it says none."""
    if f"{architecture}/{variant}" in PLAIN:
        variant = ""
    return "/".join(filter(None, (system, architecture, variant)))


def _identity(config: Mapping[str, Any], layers: list[str], platform: str) -> str:
    """Return the digest over an image's layers, its platform and the configuration that decides its behaviour.

    It is the same on every engine. It is made from the image specification's own values (OCI: ``rootfs.diff_ids`` and
    ``config``). The engine's image id has no part in it.
    """
    behaviour = {key: config.get(key) or None for key in BEHAVIOUR}
    document: dict[str, Any] = {"layers": list(layers), "config": behaviour}
    if platform not in ("", FIRST_PLATFORM):
        document["platform"] = platform
    return "sha256:" + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
