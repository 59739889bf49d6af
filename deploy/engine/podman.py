"""Podman's service as a Docker Engine: what its answers lack or mean otherwise is made good in one client.

Tried with Podman 5.4 and 5.8. Their service speaks Docker's API beside one of its own (libpod).
"""

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from deploy import locks
from deploy.artifacts import write_text
from deploy.errors import Problem
from deploy.image_config import declared_healthcheck

COMPONENT = "Podman Engine"
MINIMUM = (5,)
LIBPOD = "v5.0.0/libpod"  # the address of its own API, in the first version that is used here
CHUNK = 1 << 20
EXPORT_SECONDS = 900.0
CONFIG_AT_MOST = 1 << 22  # bytes
# What a name without a registry becomes: in `docker load` and `podman build`, and in `docker tag`.
PREFIXES = ("localhost/", "docker.io/library/")


def is_podman(version: Mapping[str, Any]) -> bool:
    """Tell Podman by an engine's answer about its version."""
    return any(one.get("Name") == COMPONENT for one in version.get("Components") or [])


def identity(info: Mapping[str, Any]) -> str:
    """Return what tells one Podman from another: its `ID` is new in every answer."""
    return f"{info.get('Name', '')}:{info.get('DockerRootDir', '')}"


class PodmanApi(docker.APIClient):
    """Docker's API as Podman answers it, with the differences made good."""

    def inspect_image(self, image: str) -> dict[str, Any]:
        """Return Docker's answer about an image; its configuration is the image's own, which Podman gives in part.

        Raises:
            Problem: two images have the name (exit 3).

        """
        answer: dict[str, Any] = super().inspect_image(self._whole_name(image))  # type: ignore[no-untyped-call]
        config = self._config(str(answer["Id"]))
        return answer | {"Config": config} if config else answer

    def remove_container(self, container: Any, v: bool = False, link: bool = False, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the SDK's own
        """Remove a container; one that runs is killed first, since Podman would ask it and wait for ten seconds."""
        if force:
            with contextlib.suppress(docker.errors.APIError):  # it does not run, or is gone
                self.kill(container)
        super().remove_container(container, v=v, link=link, force=force)

    def inspect_container(self, container: Any) -> dict[str, Any]:
        """Return Docker's answer about a container, after its HEALTHCHECK ran: Podman leaves that to systemd."""
        answer: dict[str, Any] = super().inspect_container(container)
        state = answer["State"]
        if state.get("Running") and (state.get("Health") or {}).get("Status") == "starting":
            # Refused where it has just ended, which the next answer tells
            self.get(f"{self.base_url}/{LIBPOD}/containers/{answer['Id']}/healthcheck", timeout=self.timeout)
            answer = super().inspect_container(container)
        return answer

    def create_container_from_config(self, config: Any, name: Any = None, platform: Any = None) -> Any:
        """Make a container with its image's HEALTHCHECK, which Podman forgets of an image that was loaded as OCI's."""
        if not config.get("Healthcheck"):
            config["Healthcheck"] = declared_healthcheck(self.inspect_image(config["Image"]))
        return super().create_container_from_config(config, name, platform)  # type: ignore[no-untyped-call]

    def _whole_name(self, name: str) -> str:
        """Return the whole name of an image that a short one means; a short one hides newer images (see PREFIXES)."""
        if name.startswith("sha256:") or "/" in name:
            return name
        found: dict[str, str] = {}
        for prefix in PREFIXES:
            with contextlib.suppress(docker.errors.NotFound):
                found[f"{prefix}{name}"] = str(super().inspect_image(f"{prefix}{name}")["Id"])  # type: ignore[no-untyped-call]  # a decorated method of the SDK
        if len(set(found.values())) > 1:
            told = " and ".join(f"{whole} ({image_id[7:19]})" for whole, image_id in found.items())
            wrong = f"two images have that name: {told}"
            raise Problem(f"looking for the image {name}", wrong, f"podman untag the older one: podman images {name}")
        return next(iter(found), name)

    def _config(self, image_id: str) -> dict[str, Any]:
        """Return the configuration of an image, whose digest is its id; empty where the image has none of that id."""
        digest = image_id.removeprefix("sha256:")
        kept = locks.folder() / "configurations" / f"{digest}.json"
        blob = kept.read_bytes() if kept.exists() else b""
        if hashlib.sha256(blob).hexdigest() != digest:
            blob = config_blob(self._exported(image_id), digest)
            if not blob:
                return {}
            with contextlib.suppress(OSError):  # what cannot be kept is exported again
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_text(kept, blob.decode())
        found: dict[str, Any] = json.loads(blob).get("config") or {}
        return found

    def _exported(self, image_id: str) -> Iterator[bytes]:
        """Yield an exported image; Podman writes it all to its disk before the first byte comes."""
        address = f"{self.base_url}/v{self.api_version}/images/{image_id}/get"
        with self.get(address, stream=True, timeout=EXPORT_SECONDS) as answer:
            answer.raise_for_status()
            yield from answer.iter_content(CHUNK)


def config_blob(archive: Iterable[bytes], digest: str) -> bytes:
    """Return the member of an exported image that has this SHA-256; empty where there is none."""
    with tarfile.open(fileobj=_Chunks(archive), mode="r|") as tar:
        for member in tar:
            if Path(member.name).name.removesuffix(".json") == digest and 0 < member.size <= CONFIG_AT_MOST:
                file = tar.extractfile(member)
                blob = file.read() if file else b""
                if hashlib.sha256(blob).hexdigest() == digest:
                    return blob
    return b""


class _Chunks(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks, self.rest = iter(chunks), b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self.rest) < size:
            chunk = next(self.chunks, b"")
            if not chunk:
                break
            self.rest += chunk
        given = self.rest if size < 0 else self.rest[:size]
        self.rest = self.rest[len(given) :]
        return given
