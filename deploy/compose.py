"""The compose file as a Swarm stack: without what `docker stack deploy` refuses, ignores or leaves to the Swarm."""

from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent / "compose.yaml"
WITH_SECRETS = COMPOSE.with_name("compose.secrets.yaml")
IN_SWARM = "ktrdr-{}"  # a secret's name in the Swarm, where all stacks share them
# Swarm starts services in any order, restarts what ends, and takes images from where its nodes find them.
UNKNOWN = ("depends_on", "restart", "pull_policy", "security_opt", "tmpfs", "cpu_shares")
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def stack(*, secrets: bool = False) -> str:
    """Return the stack file: the services without a profile, with the keys that a stack knows.

    With `secrets` the services get those of compose.secrets.yaml. The Swarm has to hold them already.
    """
    compose = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    services = {name: _service(service) for name, service in compose["services"].items() if "profiles" not in service}
    document = {"services": services, "volumes": compose["volumes"]}
    if secrets:
        more = yaml.safe_load(WITH_SECRETS.read_text(encoding="utf-8"))
        for name, service in services.items():
            one = more["services"][name]
            service |= {**one, "environment": service.get("environment", {}) | one["environment"]}
        document["secrets"] = {name: {"external": True, "name": IN_SWARM.format(name)} for name in more["secrets"]}
    return yaml.safe_dump(document, sort_keys=False)


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
