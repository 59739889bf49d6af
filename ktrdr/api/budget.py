"""Bounds the memory of all requests together: each waits until its cost is free, and gives it back when it is sent.

An answer that has been made needs no more than its own bytes, so a slow reader of a short one holds up nobody.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api.answers import HELD, PIECE
from ktrdr.api.bodies import REPORTS, is_streamed, limit_for
from ktrdr.api.costs import KIB, cost_of
from ktrdr.api.errors import answer
from ktrdr.model_files import MIB

BODY_FACTOR: Final = 10
"""The memory of a JSON body while it is read, checked and stored, as a multiple of its bytes."""
LARGE_TOTAL: Final = 176 * MIB
REPORTS_TOTAL: Final = 96 * MIB
"""Workers' long results never wait for answers that nobody reads."""
SMALL_TOTAL: Final = 32 * MIB
SMALL_EACH: Final = 512 * KIB
"""Heartbeats and other requests that cost no more than this never wait for larger ones."""
WAIT_S: Final = 8.0
"""Less than the time-out of workers."""
EXEMPT: Final = "/api/v1/health"


class Share:
    """A number of bytes that requests share; who comes first is served first."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, amount: int) -> None:
        """Wait for so many bytes; TimeoutError after WAIT_S."""
        if not self._waiting and amount <= self.free:
            self.free -= amount
            return
        turn = (amount, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            await asyncio.wait_for(asyncio.shield(turn[1]), WAIT_S)
        except BaseException:
            if turn[1].done():
                self.give(amount)
            else:
                self._waiting.remove(turn)
                self.give(0)
            raise

    def give(self, amount: int) -> None:
        """Give bytes back, and let those go on who wait for them."""
        self.free += amount
        while self._waiting and self._waiting[0][0] <= self.free:
            wanted, turn = self._waiting.popleft()
            self.free -= wanted
            turn.set_result(None)


@dataclass
class Held:
    """What a request holds of a share."""

    share: Share
    amount: int

    def shrink(self, amount: int) -> None:
        """Give back what is more than `amount`."""
        if amount < self.amount:
            self.share.give(self.amount - amount)
            self.amount = amount


class Budget:
    """Lets a request go on once the memory that it may cost is free; 503 if that takes too long."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._large, self._reports, self._small = Share(LARGE_TOTAL), Share(REPORTS_TOTAL), Share(SMALL_TOTAL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer in pieces: each waits until the client has taken those before it."""
        if scope["type"] != "http" or scope["path"] == EXEMPT:
            await self.app(scope, receive, send)
            return
        try:
            async with self._holding(scope) as held:
                scope[HELD] = held
                await self.app(scope, receive, _in_pieces(send, held))
        except _BusyError:
            message = "The backend has no memory free for this request; send it again in a moment."
            await answer(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message)(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _holding(self, scope: Scope) -> AsyncIterator[Held]:
        amount = cost(scope)
        large = self._reports if scope["path"].endswith(REPORTS) else self._large
        share = self._small if amount <= SMALL_EACH else large
        try:
            await share.take(min(amount, share.total))
        except TimeoutError:
            raise _BusyError from None
        held = Held(share, min(amount, share.total))
        try:
            yield held
        finally:
            held.shrink(0)


class _BusyError(Exception):
    """The share was not free in time."""


def cost(scope: Scope) -> int:
    """Return the memory that a request may take, in bytes."""
    path, method = scope["path"], scope["method"]
    body = 0
    if not is_streamed(path) and method not in ("GET", "HEAD"):
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        chunked = "transfer-encoding" in headers
        body = int(announced) if announced.isdecimal() else limit_for(path) * chunked
    return cost_of(method, path).memory + BODY_FACTOR * body


def _in_pieces(send: Send, held: Held) -> Send:
    """Return a `send` that cuts bodies; else uvicorn keeps all of an answer that nobody reads."""

    async def pieces(message: Message) -> None:
        if message["type"] == "http.response.start":
            length = Headers(raw=message["headers"]).get("content-length", "")
            if length.isdecimal():  # what it took to make the answer is free again
                held.shrink(int(length) + 2 * PIECE)
        body = message.get("body", b"")
        if len(body) <= PIECE:
            await send(message)
            return
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            more = message.get("more_body", False) or start + PIECE < len(body)
            await send({**message, "body": bytes(view[start : start + PIECE]), "more_body": more})

    return pieces
