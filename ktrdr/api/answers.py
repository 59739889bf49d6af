"""Answers made of JSON texts, which are stored already: sent piece by piece, never joined or encoded as a whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ktrdr.api.errors import JSON

PIECE: Final = 64 * 1024
HELD: Final = "ktrdr.held"
"""The key in a request's scope of what it holds of the memory."""


class JsonTexts(StreamingResponse):
    """An answer whose body is these texts, one after the other; they are ASCII."""

    def __init__(self, texts: Sequence[str]) -> None:
        headers = {"Content-Length": str(sum(map(len, texts)))}
        super().__init__(_pieces(texts), media_type=JSON, headers=headers)
        self._memory = sum(len(text) for text in {id(text): text for text in texts}.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; a text that is sent twice is in memory once, which the budget would not know."""
        if held := scope.get(HELD):
            held.shrink(self._memory + 2 * PIECE)
        await super().__call__(scope, receive, send)


async def _pieces(texts: Sequence[str]) -> AsyncIterator[bytes]:
    for text in texts:
        for start in range(0, len(text), PIECE):
            yield text[start : start + PIECE].encode("ascii")
