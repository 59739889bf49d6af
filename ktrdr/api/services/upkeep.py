"""What years of use need: ended operations go in time, their space goes back to the disk, and the file is checked."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from ktrdr.api.store import operations
from ktrdr.api.store.database import Database
from ktrdr.api.store.sqlite import examine
from ktrdr.store_address import SqliteFile

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
DAY_S: Final = 86_400.0
OPERATIONS_AT_ONCE: Final = 200
PAGES_AT_ONCE: Final = 2048
"""8 MiB. Both bounds keep a transaction well below a second, whatever the operations' results weigh."""
START_WAITS_S: Final = 0.2
STOP_WAITS_S: Final = 5.0


class Upkeep:
    """Does a bounded part of its work at each tick. `kept_days` and `kept_operations` bound the ended operations.

    `sweeps` remove the files of operations that need them no more.
    """

    def __init__(
        self,
        database: Database,
        kept_days: int,
        kept_operations: int,
        sweeps: Sequence[Callable[[], None]] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._kept_s = kept_days * DAY_S
        self._kept = kept_operations
        self._sweeps = sweeps
        self._clock = clock
        self._due: float = 0.0
        self._stopping = threading.Event()
        self._examination: threading.Thread | None = None

    def tick(self) -> None:
        """Remove ended operations that are due, return free space, sweep; once a minute, at once while more is due."""
        now = time.monotonic()
        if now < self._due:
            return
        before = self._clock() - self._kept_s
        with self._database.transaction() as db:
            removed = operations.prune(db, before, self._kept, OPERATIONS_AT_ONCE)
        with self._database.transaction() as db:
            more = db.release(PAGES_AT_ONCE)
        if removed:
            log.info("%d operations that ended long ago were removed", removed)
        if removed < OPERATIONS_AT_ONCE and not more:
            for sweep in self._sweeps:
                sweep()
            self._due = now + EVERY_S

    def examine(self) -> None:
        """Check a SQLite file from end to end. A start waits for it a moment only: a large file takes seconds."""
        address = self._database.address
        if isinstance(address, SqliteFile) and self._examination is None:
            self._examination = threading.Thread(target=self._examine, args=(address,), daemon=True)
            self._examination.start()
            self._examination.join(START_WAITS_S)

    def _examine(self, address: SqliteFile) -> None:
        began = time.monotonic()
        if damage := examine(address.path, self._stopping):
            self._database.condemn(damage)
        elif not self._stopping.is_set():
            log.info("%s was checked in %.1f s: no damage", address, time.monotonic() - began)

    def close(self) -> None:
        """End a check that is under way."""
        self._stopping.set()
        if self._examination is not None:
            self._examination.join(STOP_WAITS_S)
