"""Keeps a training's checkpoints at the backend, beside the work: it waits for no answer, and no failure ends it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from ktrdr.errors import InvalidError
from ktrdr.model_files import CHECKPOINT_LIMIT
from ktrdr.worker.backend import BackendAwayError, BackendRefusedError
from ktrdr.worker.job import Job

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
SHARE: Final = 0.1
"""The largest part of the time in which checkpoints are under way."""
AFTER_FAILURE_S: Final = 30.0


class Checkpoints:
    """The checkpoints of one job: the next one is due once the one before has arrived, and a second at least later."""

    def __init__(self, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        # A checkpoint that does not arrive is given up: the next one is better.
        self._backend = job.backend.patient(job.pause, 0.0)
        self._clock = clock
        self._next = clock()
        self._under_way: threading.Thread | None = None
        self._ended = False

    def found(self) -> bytes | None:
        """Return the checkpoint from which this job goes on, or None: most jobs begin at the beginning."""
        try:
            return self._job.backend.checkpoint(self._job.operation_id)
        except InvalidError as error:
            log.warning("%s The training begins anew.", error)
            return None

    def due(self) -> bool:
        """Return whether the next checkpoint is wanted."""
        busy = self._under_way is not None and self._under_way.is_alive()
        return not self._ended and not busy and self._clock() >= self._next

    def keep(self, content: bytes) -> None:
        """Send a checkpoint in a thread of its own."""
        if len(content) > CHECKPOINT_LIMIT:
            log.warning("%s is too large for checkpoints", self._job.operation_id)
            self._ended = True
            return
        self._under_way = threading.Thread(target=self._send, args=(content,), name="checkpoint", daemon=True)
        self._under_way.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until a checkpoint that is under way has arrived, or has failed."""
        if self._under_way is not None:
            self._under_way.join(timeout_s)

    def _send(self, content: bytes) -> None:
        began = self._clock()
        try:
            self._backend.keep_checkpoint(self._job.operation_id, content)
        except BackendRefusedError as error:
            log.warning("no more checkpoints of %s: %s", self._job.operation_id, error)
            self._ended = True
        except BackendAwayError as error:
            log.warning("a checkpoint of %s was not kept: %s", self._job.operation_id, error)
            self._next = self._clock() + AFTER_FAILURE_S
        else:
            now = self._clock()
            self._next = now + max(EVERY_S, (now - began) * (1 / SHARE - 1))
