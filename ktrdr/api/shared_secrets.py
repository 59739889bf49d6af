"""Asks those who change something for the shared secret of workers, or of clients, where the settings name one."""

import secrets
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr.api.cross_site import READING
from ktrdr.api.errors import answer
from ktrdr.secret_file import CLIENTS, WORKERS, bearer

OF_WORKERS: Final = ("/api/v1/models/", "/api/v1/operations/")
"""What workers upload: models and checkpoints."""


class RequireSecrets:
    """Refuses a change without the secret that it needs, with 401. Reading needs none."""

    def __init__(self, app: ASGIApp, workers: str, clients: str) -> None:
        self.app = app
        self.workers, self.clients = workers, clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        app = self.app
        if scope["type"] == "http" and scope["method"] not in READING:
            wanted = self._wanted(scope["method"], scope["path"])
            given = Headers(scope=scope).get("authorization", "")
            if all(wanted.values()) and not any(_is(given, secret) for secret in wanted.values()):
                names = " or of ".join(wanted)
                message = f"This needs the secret of {names}: send it as Authorization: Bearer SECRET."
                app = answer(HTTPStatus.UNAUTHORIZED, "secret_required", message)
                app.headers["WWW-Authenticate"] = "Bearer"
        await app(scope, receive, send)

    def _wanted(self, method: str, path: str) -> dict[str, str]:
        """Return the secrets of which a request needs one, by their settings; an empty one admits everybody."""
        workers, clients = {WORKERS: self.workers}, {CLIENTS: self.clients}
        if path.startswith("/api/v1/workers/"):
            return workers | clients if method == "DELETE" else workers
        return workers if method == "PUT" and path.startswith(OF_WORKERS) else clients


def _is(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), bearer(secret)["Authorization"].encode())
