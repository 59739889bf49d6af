"""Answers made of JSON texts, which are stored already: sent piece by piece, never joined or encoded as a whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from fastapi.responses import StreamingResponse

from ktrdr.api.errors import JSON

PIECE: Final = 64 * 1024


class JsonTexts(StreamingResponse):
    """An answer whose body is these texts, one after the other; they are ASCII."""

    def __init__(self, texts: Sequence[str]) -> None:
        headers = {"Content-Length": str(sum(map(len, texts)))}
        super().__init__(_pieces(texts), media_type=JSON, headers=headers)


async def _pieces(texts: Sequence[str]) -> AsyncIterator[bytes]:
    for text in texts:
        for start in range(0, len(text), PIECE):
            yield text[start : start + PIECE].encode("ascii")
