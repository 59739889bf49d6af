"""The backend with faults planted into its answers, for the fuzzer to find: `uvicorn tests.api.broken:app`."""

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api.main import create_application


class Spoil:
    """Changes the answers of four routes on their way out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and spoil its answer."""
        change = CHANGES.get(scope.get("path", "")) if scope.get("method") == "GET" else None
        if change is None:
            await self.app(scope, receive, send)
            return
        start: Message = {}

        async def spoiled(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            change(start, body := json.loads(message["body"]))
            content = json.dumps(body).encode()
            names = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            start["headers"] = [*names, (b"content-length", str(len(content)).encode())]
            await send(start)
            await send({**message, "body": content})

        await self.app(scope, receive, spoiled)


def _lose_a_field(_start: Message, body: dict[str, Any]) -> None:
    body.pop("total_count", None)


def _add_a_field(_start: Message, body: dict[str, Any]) -> None:
    body["internal"] = "told by mistake"


def _fail(start: Message, _body: dict[str, Any]) -> None:
    start["status"] = 500


def _be_a_teapot(start: Message, _body: dict[str, Any]) -> None:
    start["status"] = 418


CHANGES = {
    "/api/v1/workers": _lose_a_field,
    "/api/v1/health": _add_a_field,
    "/api/v1/models": _fail,
    "/api/v1/indicators": _be_a_teapot,
}

app = create_application()
app.add_middleware(Spoil)
