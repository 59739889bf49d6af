"""A running server in the engine's words: its health, its log, and its answers to our own requests."""

import io
import json
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound

from verify.observe import containers
from verify.observe.model import ProbeResult, Stop, Subject
from verify.observe.requests import check_writable, source

LOG_AT_MOST = 16_000  # bytes of a log that are kept
LOG_READ = 4_000_000  # bytes of a log that are counted
NOTES_AT_MOST = 4_000_000  # bytes of an archive of notes
SLOW = 0.5  # seconds; a Python that starts and finds nobody needs a fifth of a second
STOP_AT_MOST = 120.0  # seconds that a server gets on the most loaded machine


@dataclass(frozen=True)
class Health:
    """A server's health in the engine's words. The defaults describe a server that never started."""

    status: str = "none"  # healthy, unhealthy, starting, none
    running: bool = False
    seconds: float | None = None  # from the start to the first HEALTHCHECK that passed
    reply: str = ""  # what HEALTHCHECK printed then, or last


def settled(client: DockerClient, container_id: str, subject: Subject) -> dict[str, Any] | None:
    """Return the container's state once its health is decided or it has stopped; without HEALTHCHECK at once.

    On a machine so loaded that HEALTHCHECK itself takes long, `unhealthy` decides nothing: it may yet become healthy.
    """
    state: dict[str, Any] = client.api.inspect_container(container_id)["State"]
    health = state.get("Health") or {}
    decided = health.get("Status") == "healthy" or (health.get("Status") == "unhealthy" and not _slow(health))
    return state if decided or not state["Running"] or not subject.has_healthcheck else None


def _slow(health: dict[str, Any]) -> bool:
    """Tell whether every run of HEALTHCHECK that the engine remembers took long."""
    runs = [seconds_between(run["Start"], run["End"]) for run in health.get("Log") or ()]
    return min(runs, default=0.0) > SLOW


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
    client: DockerClient,
    container_id: str,
    address: str,
    deadline: float,
    *,
    rest: float,
    writable: Iterable[str],
    listening: containers.Watch | None = None,
    openapi: str = "/openapi.json",
    wait: float = 0.0,
) -> ProbeResult:
    """Send our own requests to the server, from inside its container, and look at it while it rests (seconds).

    ``wait``: for how many seconds its first answer is waited for, beyond the deadline.
    """
    watch = listening.directory if listening else None
    options = {"rest": rest, "writable": [*writable], "watch": watch, "openapi": openapi, "wait": wait}
    command = ["python", "-X", "utf8", "-c", source("ask"), address, json.dumps(options)]
    unheard = {"PYTHONPATH": ""} if listening else {}  # as if it were not set (Python's manual)
    code, printed = containers.execute(client, container_id, command, deadline + wait, unheard)
    try:
        report = json.loads(printed)
        check_writable(report)
        return ProbeResult(outcome="ended", exit_code=code, report=report if isinstance(report, dict) else None)
    except (ValueError, RecursionError):
        text = printed[:LOG_AT_MOST].decode("utf-8", "replace")
        return ProbeResult(outcome="ended" if code is not None else "timed out", exit_code=code, printed=text)


def processes_of(client: DockerClient, container_id: str) -> int | None:
    """Return how many processes and threads a container has; None where the engine does not count them."""
    count = (client.api.stats(container_id, stream=False, one_shot=True).get("pids_stats") or {}).get("current")
    return count if isinstance(count, int) else None


def stop(client: DockerClient, container_id: str, seconds: float, asked: ProbeResult | None) -> Stop | None:
    """Let the engine stop the server as it stops any: by the image's signal; None where the server had ended before.

    On a loaded machine the engine waits as many times longer as our own computing in the container took longer.
    """
    if not client.api.inspect_container(container_id)["State"]["Running"]:
        return None
    rest = ((asked.report if asked else None) or {}).get("rest")
    slowness = rest.get("slowness") if isinstance(rest, dict) else None
    factor = slowness if isinstance(slowness, float) and slowness > 1 else 1.0
    allowed, began = float(round(min(seconds * factor, STOP_AT_MOST))), time.monotonic()
    client.api.stop(container_id, timeout=int(allowed))
    return Stop(allowed=allowed, took=round(time.monotonic() - began, 3))


def add_late_notes(client: DockerClient, container_id: str, listening: containers.Watch, asked: ProbeResult) -> None:
    """Add to the report what the server's processes noted to their very end."""
    known = (asked.report or {}).get("attempts")
    if isinstance(known, list):
        known += [note for note in _late_notes(client, container_id, listening) if note not in known]


def _late_notes(client: DockerClient, container_id: str, listening: containers.Watch) -> list[Any]:
    archive = b""
    try:
        for chunk in client.api.get_archive(container_id, f"{listening.directory}/notes")[0]:
            archive += chunk
            if len(archive) > NOTES_AT_MOST:
                break
    except NotFound:
        return []
    lines = (line for text in _texts(archive) for line in text.splitlines())
    notes = [note for line in lines if (note := _json(line)) is not None]
    return [note for note in notes if isinstance(note, dict) and "process" not in note]


def _texts(archive: bytes) -> Iterator[str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for file in (opened.extractfile(member) for member in opened if member.isreg()):
                yield file.read().decode("utf-8", "replace") if file else ""
    except tarfile.TarError:
        return  # cut off


def _json(line: str) -> Any:
    try:
        note = json.loads(line)
        check_writable(note)
    except (ValueError, RecursionError):
        return None  # cut off
    return note


def log_of(client: DockerClient, container_id: str) -> tuple[str, int | None]:
    """Return the end of the server's log, LOG_AT_MOST bytes of it, and its bytes as far as they are counted.

    "" and None where the log driver keeps none.
    """

    def read() -> tuple[bytes, int]:
        text, size = b"", 0
        for chunk in client.api.logs(container_id, stream=True, follow=False):
            text, size = (text + chunk)[-LOG_AT_MOST:], size + len(chunk)
            if size > LOG_READ:
                break
        return text, size

    try:
        text, size = containers.spawn(read).result(containers.ANSWER)
    except (APIError, TimeoutError):
        return "", None
    return text.decode("utf-8", "replace"), size
