"""The compose file as it stands, with images by their digests, and as a Swarm stack.

A stack is without what `docker stack deploy` refuses, ignores or leaves to the Swarm.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent / "compose.yaml"
WITH_SECRETS = COMPOSE.with_name("compose.secrets.yaml")
IN_SWARM = "ktrdr-{}"  # a secret's name in the Swarm, where all stacks share them
# Swarm starts services in any order, restarts what ends, and takes images from where its nodes find them.
UNKNOWN = ("depends_on", "restart", "pull_policy", "security_opt", "tmpfs", "cpu_shares")
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


Images = Mapping[str, str]  # name in the contract -> name with its digest in a registry
NONE: Images = {}


def images(*, gpu: bool = False) -> list[str]:
    """Return the contract's names of the images of all services; of those with a profile only with `gpu`."""
    return list(dict.fromkeys(service["image"] for service in services(gpu=gpu).values()))


def compose(published: Images, *, gpu: bool = False) -> str:
    """Return the compose file with published images, which are pulled; with `gpu` also the service of that profile."""
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    running = {
        name: {**service, "image": published[service["image"]], "pull_policy": "missing"}
        for name, service in services(gpu=gpu).items()
    }
    for service in running.values():
        service.pop("profiles", None)
    return _text({"name": document["name"], "services": running, "volumes": document["volumes"]})


def stack(published: Images = NONE, *, secrets: bool = False) -> str:
    """Return the stack file: the services without a profile, with the keys that a stack knows.

    With `secrets` the services get those of compose.secrets.yaml. The Swarm has to hold them already.
    """
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    running = {name: _service(service) for name, service in services(gpu=False).items()}
    for service in running.values():
        service["image"] = published.get(service["image"], service["image"])
    document = {"services": running, "volumes": volumes}
    if secrets:
        more = yaml.safe_load(WITH_SECRETS.read_text(encoding="utf-8"))
        for name, service in running.items():
            one = more["services"][name]
            service |= {**one, "environment": service.get("environment", {}) | one["environment"]}
        document["secrets"] = {name: {"external": True, "name": IN_SWARM.format(name)} for name in more["secrets"]}
    return _text(document)


def services(*, gpu: bool) -> dict[str, dict[str, Any]]:
    """Return the services of the compose file; those with a profile only with `gpu`."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return {name: service for name, service in found.items() if gpu or "profiles" not in service}


def _text(document: dict[str, Any]) -> str:
    """Return YAML without references from one part to another."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False)


class _Plain(yaml.SafeDumper):
    """Writes a value that is there twice twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _service(service: dict[str, Any]) -> dict[str, Any]:
    """Return a service as a stack knows it: a port is open on every node, and a tmpfs is a volume."""
    known = {key: value for key, value in service.items() if key not in UNKNOWN}
    ports = [{key: value for key, value in port.items() if key != "host_ip"} for port in service.get("ports", [])]
    volumes = [*service.get("volumes", []), *map(_tmpfs, service.get("tmpfs", []))]
    return known | ({"ports": ports} if ports else {}) | ({"volumes": volumes} if volumes else {})


def _tmpfs(entry: str) -> dict[str, Any]:
    """Return `/tmp:size=256m,…` as a volume with its size in bytes.

    A Swarm knows no owner: root's, with the mode of the image's directory. For /tmp this is 1777, so all may write.
    """
    target, _, options = entry.partition(":")
    size = dict(option.split("=") for option in options.split(","))["size"]
    return {"type": "tmpfs", "target": target, "tmpfs": {"size": int(size[:-1]) * UNITS[size[-1]]}}
