"""Closes connections whose clients are slow or silent: `uvicorn --http ktrdr.api.connections:Connection`.

uvicorn itself limits only the time between two requests. A client could hold half a request, or an answer that it does
not read, for as long as it likes.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_LIMIT: Final = 400
HEAD_S: Final = 10.0
"""The longest time from the connection, or from the answer before, to the end of a request's head."""
WINDOW_S: Final = 30.0
MOVED_AT_LEAST: Final = 4096
"""Bytes that have to move in each window while the backend waits for the client."""
LOOK_EVERY_S: Final = 1.0
BUFFERED: Final = 48 * 1024
"""Bytes that have left when asyncio resumes writing: from its high mark of 64 KiB down to its low one of 16 KiB."""


class Connection(H11Protocol):
    """A connection that is looked at every second."""

    _moved = 0
    _waiting_since: float | None = None
    _looking: asyncio.TimerHandle | None = None
    _window: tuple[float, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Begin to look, unless there are too many connections already."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_LIMIT:
            transport.abort()
            return
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what has come."""
        self._moved += len(data)
        super().data_received(data)

    def resume_writing(self) -> None:
        """Count what has left."""
        self._moved += BUFFERED
        super().resume_writing()

    def _look(self) -> None:
        now = self.loop.time()
        if self._is_late(now) or self._is_slow(now):
            self.transport.abort()
        else:
            self._looking = self.loop.call_later(LOOK_EVERY_S, self._look)

    def _is_late(self, now: float) -> bool:
        """Return whether the head of a request has been awaited for too long."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.transport.get_write_buffer_size():
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since > HEAD_S

    def _is_slow(self, now: float) -> bool:
        """Return whether the client has moved too little of a body or an answer in the last window."""
        receiving = self.cycle is not None and self.cycle.more_body and not self.flow.read_paused
        if not receiving and not self.transport.get_write_buffer_size():
            self._window = None
            return False
        began, moved = self._window or (now, self._moved)
        if now - began >= WINDOW_S:
            if self._moved - moved < MOVED_AT_LEAST:
                return True
            began, moved = now, self._moved
        self._window = began, moved
        return False
