"""Answers made of texts that are stored already: sent piece by piece, never joined or encoded as a whole."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ktrdr.api.errors import JSON
from ktrdr.data.files import Page
from ktrdr.data.stored import TOP
from ktrdr.json_text import COMPACT

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


BARS_MEMORY: Final = 1024 * 1024
"""What sending bars takes: a piece of the file, its lines and their text."""


class BarTexts(StreamingResponse):
    """An answer with a page of bars: its file's lines, read twice, once for the dates and once for the numbers."""

    def __init__(self, page: Page, metadata: dict[str, Any]) -> None:
        super().__init__(_bars(page, metadata), media_type=JSON)
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; finding the page took more memory than sending it does."""
        if held := scope.get(HELD):
            held.shrink(BARS_MEMORY)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._page.close()


def _bars(page: Page, metadata: dict[str, Any]) -> Iterator[bytes]:
    """Yield the parts of the answer; a stored number is written as JSON writes it."""
    yield b'{"success":true,"data":{"dates":['
    comma = ""
    for lines in page.lines():
        yield (comma + '"' + '","'.join([line[:TOP] for line in lines]) + '"').encode("ascii")
        comma = ","
    yield b'],"ohlcv":['
    comma = ""
    for lines in page.lines():
        yield (comma + "[" + "],[".join([line[TOP + 1 :] for line in lines]) + "]").encode("ascii")
        comma = ","
    rest = json.dumps({"points": page.points, "metadata": metadata}, separators=COMPACT)
    yield f"],{rest[1:]}}}".encode("ascii")
