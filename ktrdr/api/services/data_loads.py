"""Records uploads of bars as operations: what was stored, or why it was refused."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ktrdr.api.store import operations
from ktrdr.api.store.connection import StoreError
from ktrdr.api.store.database import Database
from ktrdr.data.placing import PLAIN_WISHES, Wishes
from ktrdr.disk import FULL
from ktrdr.errors import KtrdrError


@dataclass
class Load:
    """An upload in progress; `stored` is the series that it has stored, as clients see it."""

    stored: dict[str, Any] = field(default_factory=dict)


class DataLoads:
    """Records uploads. The backend does them itself while the client waits, so they are never queued."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    @cached_property
    def limiter(self) -> CapacityLimiter:
        """Lets one upload at a time take its place: those that wait keep no thread from others."""
        return CapacityLimiter(1)

    @contextlib.asynccontextmanager
    async def recorded(self, symbol: str, timeframe: str, wishes: Wishes = PLAIN_WISHES) -> AsyncIterator[Load]:
        """Record the block as one operation of type data_load, which ends as the block does.

        If the store is unavailable, that is reported before any byte is read. An upload that its client breaks off
        leaves no operation: nobody waits for it, and a client that tries again and again would leave thousands.
        """
        began, load = self._clock(), Load()
        wished = {name: wish for name, wish in asdict(wishes).items() if wish}
        request = {"symbol": symbol, "timeframe": timeframe, **wished}
        await run_in_threadpool(self._require_store)
        try:
            yield load
        except ClientDisconnect:
            raise
        except Exception as error:
            with contextlib.suppress(StoreError, KtrdrError):  # the client gets the first error
                await run_in_threadpool(self._add, request, began, error=_reason(error))
            raise
        await run_in_threadpool(self._add, request, began, result=load.stored)

    def _require_store(self) -> None:
        with self._database.transaction():
            pass

    def _add(
        self,
        request: dict[str, Any],
        began: float,
        *,
        result: dict[str, Any] | None = None,
        error: tuple[str, str] | None = None,
    ) -> None:
        with self._database.transaction() as db:
            operation_id = operations.add(db, "data_load", request, began)
            operations.begin(db, operation_id, began)
            if result is not None:
                points = result.get("points", 0)
                done = {"percentage": 100.0, "current_step": "stored", "steps_completed": points, "steps_total": points}
                operations.advance(db, operation_id, done)
            status: operations.Status = "failed" if error else "completed"
            operations.finish(db, operation_id, status, self._clock(), error=error, result=result)


def _reason(error: Exception) -> tuple[str, str]:
    """Return code and message of a failed upload for clients, without internals."""
    if isinstance(error, KtrdrError):
        return error.code, error.message
    if isinstance(error, HTTPException):
        return "refused", str(error.detail)
    if isinstance(error, OSError) and error.errno in FULL:
        return (
            "disk_full",
            "The disk is full, so nothing was stored; make room, then upload the file again.",
        )
    return "not_stored", "The upload could not be stored; the log gives the reason."
