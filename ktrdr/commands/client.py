"""What commands ask the backend, and how they follow an operation to its end."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from ktrdr.commands.parts import address
from ktrdr.commands.progress import Progress
from ktrdr.errors import WORKER_SHUTDOWN, UnavailableError

TIMEOUT_S: Final = 60.0
"""More than a busy backend takes: a request that is given up may be carried out all the same."""
POLL_S: Final = 0.5
LONG_S: Final = 600.0
"""What an upload may take: the backend answers when all of it is stored."""
UNDER_WAY: Final = ("pending", "running")


class NotThereError(UnavailableError):
    """The backend has no such thing."""


class Client:
    """The backend that a command names."""

    def __init__(self, given: str | None) -> None:
        """Take an address, or that of KTRDR_API_URL; SettingError if the environment names none or no secret."""
        from ktrdr.secret_file import CLIENTS, bearer, shared_secret  # noqa: PLC0415  not needed for `--help`
        from ktrdr.worker.backend import Backend  # noqa: PLC0415  likewise

        self.url = address(given)
        self._backend = Backend(self.url, TIMEOUT_S)
        self._backend.credentials |= bearer(shared_secret(CLIENTS, os.environ))

    def get(self, path: str, *, patient: bool = False, **query: object) -> Any:
        """Return a JSON answer; `patient` repeats the request while the backend restarts."""
        return self.ask("GET", path + _query(query), patient=patient)

    def every(self, path: str, key: str) -> list[Any]:
        """Return the entries of a list, page by page."""
        found: list[Any] = []
        place: int | None = 0
        while place is not None:
            answer = self.get(path, offset=place)
            found += answer[key]
            end = place + len(answer[key])
            place = answer.get("next_offset", end if answer[key] and end < answer["total_count"] else None)
        return found

    def save(self, path: str, file: Path) -> None:
        """Write what the backend answers to a file, piece by piece; all of it, or no file."""
        part = file.with_name(f"{file.name}.part")
        try:
            with part.open("wb") as written, self._told():
                written.writelines(self._backend.download(path))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    def find(self, path: str) -> Any | None:
        """Return a JSON answer, or None if the backend has no such thing."""
        try:
            return self.get(path)
        except NotThereError:
            return None

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send JSON and return the JSON answer."""
        return self.ask("POST", path, json.dumps(body or {}).encode())

    def ask(
        self,
        method: str,
        path: str,
        content: bytes | Iterable[bytes] | None = None,
        kind: str = "application/json",
        *,
        patient: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """Send a request and return its JSON answer; UnavailableError names the next step.

        `patient` repeats the request while the backend restarts; use it only for requests that may be repeated.
        """
        from ktrdr.worker.backend import PATIENCE_S  # noqa: PLC0415  not needed for `--help`

        asked = self._backend.patient(time.sleep, PATIENCE_S if patient else 0.0)
        asked.timeout_s = timeout_s or asked.timeout_s
        with self._told():
            answer, _ = asked.send(method, path, content, {"Content-Type": kind})
        return json.loads(answer)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        from http import HTTPStatus  # noqa: PLC0415  not needed for `--help`

        from ktrdr.worker import backend  # noqa: PLC0415  likewise

        try:
            yield
        except (backend.BackendTroubledError, backend.BackendRefusedError) as error:
            kind = NotThereError if getattr(error, "status", 0) == HTTPStatus.NOT_FOUND else UnavailableError
            raise kind(error.code, f"{self.url} refused: {error.message}") from None
        except backend.BackendAwayError as error:
            message = f"{error}. Start the backend (ktrdr api), or name another address."
            raise UnavailableError("backend_away", message) from None


def named(*parts: str) -> str:
    """Return the path of a resource whose parts are names."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def series_path(symbol: str, timeframe: str) -> str:
    """Return the path of a stored series."""
    from ktrdr.names import escaped  # noqa: PLC0415  not needed for `--help`

    return named("data", escaped(symbol), timeframe)


def _query(given: dict[str, object]) -> str:
    known = {key: value for key, value in given.items() if value is not None}
    return f"?{urlencode(known)}" if known else ""


def finish(client: Client, operation_id: str) -> dict[str, Any] | None:
    """Follow an operation to its end; return it, or None after printing why it has no results."""
    print(f"ktrdr: {operation_id}", file=sys.stderr)
    operation = follow(client, operation_id)
    if operation["status"] == "completed":
        return operation
    reason = operation["error_message"] or "no reason given"
    print(f"ktrdr: {operation['operation_id']} {operation['status']}: {reason}", file=sys.stderr)
    return None


def follow(client: Client, operation_id: str) -> dict[str, Any]:
    """Show an operation's progress until it has ended; return the operation, or the one that was queued in its place.

    After Ctrl-C the operation goes on, and a line says how to cancel it.
    """
    operation = _watched(client, operation_id)
    while anew := _in_its_place(client, operation):
        print(f"ktrdr: {operation['operation_id']} failed: {operation['error_message']}", file=sys.stderr)
        operation = _watched(client, anew)
    return operation


def _watched(client: Client, operation_id: str) -> dict[str, Any]:
    path, progress = named("operations", operation_id), Progress()
    try:
        while True:
            operation: dict[str, Any] = client.get(path, patient=True)["operation"]
            if operation["status"] not in UNDER_WAY:
                break
            told = operation["progress"]
            progress.show(told["percentage"], told["current_step"] or operation["status"])
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        progress.clear()
        print(f"ktrdr: {operation_id} goes on; to follow it: ktrdr operations watch {operation_id}\n"
              f"ktrdr: to cancel it: ktrdr operations cancel {operation_id}", file=sys.stderr)  # fmt: skip
        raise
    progress.clear()
    return operation


def _in_its_place(client: Client, operation: dict[str, Any]) -> str | None:
    """Return the newest operation that repeats one whose worker was told to end, if there is one."""
    if operation["status"] != "failed" or operation["error_code"] != WORKER_SHUTDOWN:
        return None
    repeats = client.get("/operations", patient=True, retry_of=operation["operation_id"], brief="true", limit=1)
    return next((str(one["operation_id"]) for one in repeats["operations"]), None)


def warn(summary: dict[str, Any]) -> None:
    """Print what to know of a result, on standard error."""
    for warning in summary.get("warnings", ()):
        print(f"ktrdr: warning: {warning}", file=sys.stderr)
