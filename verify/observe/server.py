"""A running server in the engine's words: its health, its log, and its answers to our own requests."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker import DockerClient
from docker.errors import APIError

from verify.observe import containers
from verify.observe.model import ProbeResult, Subject
from verify.observe.requests import check_writable, source

LOG_AT_MOST = 16_000  # bytes


@dataclass(frozen=True)
class Health:
    """A server's health in the engine's words. The defaults describe a server that never started."""

    status: str = "none"  # healthy, unhealthy, starting, none
    running: bool = False
    seconds: float | None = None  # from the start to the first HEALTHCHECK that passed
    reply: str = ""  # what HEALTHCHECK printed then, or last


def settled(client: DockerClient, container_id: str, subject: Subject) -> dict[str, Any] | None:
    """Return the container's state once its health is decided or it has stopped; without HEALTHCHECK at once."""
    state: dict[str, Any] = client.api.inspect_container(container_id)["State"]
    health = (state.get("Health") or {}).get("Status", "none")
    if not state["Running"] or health in ("healthy", "unhealthy") or not subject.has_healthcheck:
        return state
    return None


def health_of(state: dict[str, Any]) -> Health:
    """Return the health in a container's state, as the engine inspects it."""
    health = state.get("Health") or {}
    log = health.get("Log") or []
    passed = next((entry for entry in log if entry.get("ExitCode") == 0), None)
    return Health(
        status=health.get("Status", "none"),
        running=bool(state["Running"]),
        seconds=seconds_between(state["StartedAt"], passed["End"]) if passed else None,
        reply=(passed or (log[-1] if log else {})).get("Output", ""),
    )


def seconds_between(start: str, end: str) -> float:
    """Return the seconds between two times with their zones (RFC 3339, up to nanoseconds), to the millisecond.

    Raises:
        ValueError: one is no such time.

    """
    return round((_moment(end) - _moment(start)).total_seconds(), 3)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} is a time without a zone")
    return moment


def ask_server(
    client: DockerClient, container_id: str, address: str, deadline: float, listening: containers.Watch | None = None
) -> ProbeResult:
    """Send our own requests to the server, from inside its container."""
    where = [listening.directory] if listening else []
    command = ["python", "-c", source("ask"), address, *where]
    unheard = {"PYTHONPATH": ""} if listening else {}  # as if it were not set (Python's manual)
    code, printed = containers.execute(client, container_id, command, deadline, unheard)
    try:
        report = json.loads(printed)
        check_writable(report)
        return ProbeResult(outcome="ended", exit_code=code, report=report if isinstance(report, dict) else None)
    except (ValueError, RecursionError):
        text = printed[:LOG_AT_MOST].decode("utf-8", "replace")
        return ProbeResult(outcome="ended" if code is not None else "timed out", exit_code=code, printed=text)


def log_of(client: DockerClient, container_id: str) -> str:
    """Return the server's last lines, LOG_AT_MOST bytes of them; "" where the log driver keeps none."""

    def read() -> bytes:
        text = b""
        for chunk in client.api.logs(container_id, stream=True, follow=False, tail=60):
            text = (text + chunk)[-LOG_AT_MOST:]
        return text

    try:
        return containers.spawn(read).result(containers.ANSWER).decode("utf-8", "replace")
    except (APIError, TimeoutError):
        return ""
