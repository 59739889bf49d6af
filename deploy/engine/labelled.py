"""Finds and removes the resources on an engine that carry our label. Nothing without the label is touched."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import docker
import docker.errors

from deploy.engine.connection import ENGINE_ERRORS

RUN = "ktrdr.run"
RUN_HOST = f"{RUN}.host"
RUN_PID = f"{RUN}.pid"
RUN_STARTED = f"{RUN}.started"

REQUEST_SECONDS = 10.0
BUSY_SECONDS = 5.0  # how long to wait for an engine that is removing it already, or still using it

Kind = Literal["container", "network", "volume", "image"]
KINDS: tuple[Kind, ...] = ("container", "network", "volume", "image")  # in the order in which they can go


@dataclass(frozen=True)
class LabelledResource:
    """A container, network, volume or image that carries our label. `id` removes it, `name` is for people."""

    kind: Kind
    id: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def run(self) -> str:
        """The id of the run that made it."""
        return self.labels.get(RUN, "")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def find(client: docker.DockerClient, labels: Mapping[str, str]) -> list[LabelledResource]:
    """List the resources that carry our label and all of these; an empty value matches any value."""
    filters = {"label": [RUN, *(f"{key}={value}" if value else key for key, value in labels.items())]}
    api = client.api
    listed: dict[Kind, list[dict[str, Any]]] = {
        "container": request(api.containers, all=True, filters=filters),
        "network": request(api.networks, filters=filters),
        "volume": request(api.volumes, filters=filters).get("Volumes") or [],
        "image": request(api.images, all=True, filters=filters),  # that a container was made into
    }
    return [_resource(kind, found) for kind, some in listed.items() for found in some]


def _resource(kind: Kind, found: dict[str, Any]) -> LabelledResource:
    names: list[str] = found.get("Names") or [found.get("Name") or found["Id"][:12]]  # a volume's name is its id
    return LabelledResource(kind, found.get("Id") or names[0], names[0].lstrip("/"), found.get("Labels") or {})


def request(ask: Callable[..., Any], **arguments: Any) -> Any:
    """Call one of the SDK's untyped methods."""
    return ask(**arguments)


def remove(
    client: docker.DockerClient, resources: Iterable[LabelledResource], seconds: float
) -> dict[LabelledResource, str]:
    """Remove resources, containers first and four at a time; returns those that stayed, each with the reason.

    A resource that is gone already counts as removed. Starts nothing new after `seconds`; never raises when the engine
    refuses.
    """
    deadline = time.monotonic() + seconds
    stayed: dict[LabelledResource, str] = {}
    every = list(resources)

    def remove_one(resource: LabelledResource) -> str:
        return _remove_one(client, resource, deadline)

    with ThreadPoolExecutor(max_workers=4) as pool:
        for kind in KINDS:
            some = [resource for resource in every if resource.kind == kind]
            outcomes = zip(some, pool.map(remove_one, some), strict=True)
            stayed |= {resource: wrong for resource, wrong in outcomes if wrong}
    return stayed


def _remove_one(client: docker.DockerClient, resource: LabelledResource, deadline: float) -> str:
    """Remove a resource, or wait while the engine removes it; returns why it stays, empty when it is gone."""
    wrong = "no time was left for it"
    deadline = min(deadline, time.monotonic() + BUSY_SECONDS)
    while time.monotonic() < deadline:
        try:
            if resource.kind == "container":
                request(client.api.remove_container, container=resource.id, v=True, force=True)
            elif resource.kind == "network":
                request(client.api.remove_network, net_id=resource.id)
            elif resource.kind == "image":
                request(client.api.remove_image, image=resource.id, force=True)
            else:
                request(client.api.remove_volume, name=resource.id, force=True)
        except docker.errors.NotFound:
            return ""
        except docker.errors.APIError as error:
            wrong = str(error.explanation or error)
            if not ("already in progress" in wrong or "in use" in wrong or "active endpoints" in wrong):
                return wrong
            time.sleep(0.2)
        except ENGINE_ERRORS as error:
            return str(error)
        else:
            return ""
    return wrong
