"""The compose file as a Swarm stack: without what `docker stack deploy` refuses or leaves to the Swarm."""

from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent / "compose.yaml"
# Swarm starts services in any order, restarts what ends, and takes images from where its nodes find them.
UNKNOWN = ("depends_on", "restart", "pull_policy", "security_opt")


def stack() -> str:
    """Return the stack file: the services without a profile, with the keys that a stack knows."""
    compose = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    services = {name: _service(one) for name, one in compose["services"].items() if "profiles" not in one}
    return yaml.safe_dump({"services": services, "volumes": compose["volumes"]}, sort_keys=False)


def _service(service: dict[str, Any]) -> dict[str, Any]:
    """A stack publishes a port on every node, at no single host's address."""
    known = {key: value for key, value in service.items() if key not in UNKNOWN}
    ports = [{key: value for key, value in port.items() if key != "host_ip"} for port in service.get("ports", [])]
    return known | ({"ports": ports} if ports else {})
