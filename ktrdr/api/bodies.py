"""Limits the length of request bodies, and the number of values in JSON; more is refused in the common error shape."""

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api.errors import answer
from ktrdr.data.bars import TEXT_LIMIT
from ktrdr.json_text import values_at_most
from ktrdr.model_files import ARCHIVE_LIMIT, CHECKPOINT_LIMIT, MIB
from ktrdr.records import KINDS, PACKED_LIMIT

DEFAULT: Final = 1 * MIB
STREAMED: Final = {"/api/v1/data/": TEXT_LIMIT, "/api/v1/models/": ARCHIVE_LIMIT}
"""Bodies that go to the disk while they arrive."""
OF_RECORDS: Final = tuple(f"/{kind}" for kind in KINDS)
CHECKPOINTS: Final = "/checkpoint"
MENDS: Final = {"/api/v1/data/": ": upload more bars in parts, the later ones with ?append=true"}
REPORTS: Final = "/heartbeat"
REPORT_LIMIT: Final = 8 * MIB
VALUES_LIMIT: Final = 50_000
REPORT_VALUES_LIMIT: Final = 500_000
"""More than the equity curve of 100,000 bars has."""
TOO_LARGE: Final = 413


def is_streamed(path: str) -> bool:
    """Return whether a body sent to `path` goes to the disk while it arrives."""
    return is_record(path) or path.endswith(CHECKPOINTS) or bool(_streamed(path))


def is_record(path: str) -> bool:
    """Return whether `path` is that of a backtest's record."""
    return path.startswith("/api/v1/operations/") and path.endswith(OF_RECORDS)


def _streamed(path: str) -> str:
    if path.endswith(("/range", "/predict")):
        return ""
    return next((prefix for prefix in STREAMED if path.startswith(prefix)), "")


def limit_for(path: str) -> int:
    """Return how many bytes a body sent to `path` may have."""
    if is_record(path):
        return PACKED_LIMIT
    if path.endswith(CHECKPOINTS):
        return CHECKPOINT_LIMIT
    if prefix := _streamed(path):
        return STREAMED[prefix]
    return REPORT_LIMIT if path.endswith(REPORTS) else DEFAULT


class LimitBodies:
    """Refuses a body whose Content-Length is too large, and stops reading one that grows beyond the limits."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count the bytes and the values of its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        limit, values_limit = limit_for(path), REPORT_VALUES_LIMIT if path.endswith(REPORTS) else VALUES_LIMIT
        message = f"The body may have at most {limit / MIB:g} MiB{MENDS.get(_streamed(path), '')}."
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > limit:
            await answer(TOO_LARGE, "content_too_large", message, {"limit": limit})(scope, receive, send)
            return
        taken = values = 0
        counting = not is_streamed(path)

        async def counted() -> Message:
            nonlocal taken, values
            part = await receive()
            taken += len(part.get("body", b""))
            if taken > limit:
                raise HTTPException(TOO_LARGE, message)
            if counting:
                values += values_at_most(part.get("body", b"")) - 1
                if values > values_limit:
                    raise HTTPException(TOO_LARGE, f"The body may hold at most {values_limit} values.")
            return part

        await self.app(scope, counted, send)
