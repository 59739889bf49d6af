"""Limits the length of request bodies; a longer body is refused in the common error shape."""

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api.errors import answer
from ktrdr.model_files import ARCHIVE_LIMIT

MIB: Final = 1024 * 1024
DEFAULT: Final = 1 * MIB
BY_PATH: Final = (
    ("/api/v1/data/", 64 * MIB),
    ("/api/v1/models/", ARCHIVE_LIMIT),
    ("/api/v1/workers/", 8 * MIB),
)
TOO_LARGE: Final = 413


def limit_for(path: str) -> int:
    """Return how many bytes a body sent to `path` may have."""
    return next((limit for prefix, limit in BY_PATH if path.startswith(prefix)), DEFAULT)


class LimitBodies:
    """Refuses a body whose Content-Length is too large, and stops reading one without that header at the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count the bytes of its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = limit_for(scope["path"])
        message = f"The body may have at most {limit} bytes."
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > limit:
            await answer(TOO_LARGE, "content_too_large", message, {"limit": limit})(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            part = await receive()
            taken += len(part.get("body", b""))
            if taken > limit:
                raise HTTPException(TOO_LARGE, message)
            return part

        await self.app(scope, counted, send)
