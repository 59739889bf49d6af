"""One operation on a worker: its request, its progress and its end."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from ktrdr.epochs import Epoch
from ktrdr.errors import WORKER_SHUTDOWN, KtrdrError
from ktrdr.worker.backend import Backend, BackendAwayError, BackendRefusedError

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 1900
NO_PROGRESS = {"percentage": 0.0, "current_step": "", "steps_completed": 0, "steps_total": 0}
FETCHED: Final = 5.0
"""The percentage of an operation that fetching bars makes up."""
Work = Callable[["Job"], dict[str, Any]]
"""A worker's work: it gets a job, calls its `check` often, and returns the result_summary."""


class CancelledError(Exception):
    """Raised by `Job.check` when the work is to stop."""


class Job:
    """An operation in its own thread. The work calls `report` and `check`, the agent everything else."""

    def __init__(self, assignment: dict[str, Any], backend: Backend, ended: Callable[[], None]) -> None:
        self.operation_id: str = assignment["operation_id"]
        self.operation_type: str = assignment.get("operation_type", "")
        self.request: dict[str, Any] = assignment["request"]
        self.backend = backend.patient(self.pause)
        self._ended = ended
        self._cancelled = threading.Event()
        self._left = False
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {
            "operation_id": self.operation_id,
            "status": "running",
            "progress": {**NO_PROGRESS, "current_step": "starting"},
            "error": None,
            "result_summary": None,
        }
        self._epochs: tuple[Epoch, ...] = ()
        self._told = 0
        self._thread: threading.Thread | None = None
        self.replaced = False

    def start(self, work: Work) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, args=(work,), name=self.operation_id, daemon=True)
        self._thread.start()

    def report(self, percentage: float, step: str, completed: int, total: int) -> None:
        """Store the progress; the next heartbeat reports it."""
        progress = {
            "percentage": round(min(max(percentage, 0.0), 100.0), 2),
            "current_step": _sendable(step),
            "steps_completed": completed,
            "steps_total": total,
        }
        with self._lock:
            self._state["progress"] = progress

    def fetched(self, share: float, what: str, completed: int, total: int) -> None:
        """Report how many bars of a series have come, and which share (0 to 1) of all series."""
        self.report(FETCHED * share, f"fetching {what}: {completed:,} of {total:,} bars", completed, total)

    def record(self, epochs: Sequence[Epoch]) -> None:
        """Store all epochs so far, in order; the next heartbeat reports those that the backend has not got."""
        with self._lock:
            self._epochs = tuple(epochs)

    def delivered(self, state: dict[str, Any]) -> None:
        """Note that the backend has got a report."""
        with self._lock:
            self._told = max((one["epoch"] for one in state["epochs"]), default=self._told)

    def check(self) -> None:
        """Raise CancelledError when the work is to stop."""
        if self._cancelled.is_set():
            raise CancelledError

    def pause(self, seconds: float) -> None:
        """Wait; raise CancelledError as soon as the work is to stop."""
        if self._cancelled.wait(seconds):
            raise CancelledError

    def cancel(self) -> None:
        """Ask the work to stop, as the backend says."""
        self._cancelled.set()

    def leave(self) -> None:
        """Ask the work to stop, because its worker was told to end; one that was cancelled before stays cancelled."""
        self._left = self._left or not self._cancelled.is_set()
        self._cancelled.set()

    def abandon(self) -> None:
        """End the report of work that does not stop; what it still does is not reported."""
        self._stopped()

    def state(self) -> dict[str, Any]:
        """Return the report for the next heartbeat."""
        with self._lock:
            return {**self._state, "epochs": [asdict(one) for one in self._epochs if one.epoch > self._told]}

    def replace(self, reason: str) -> None:
        """Replace a report that the backend refuses by a plain failure."""
        error = {"code": "worker_error", "message": _sendable(f"The backend refuses the report: {reason}")}
        with self._lock:
            self.replaced = True
            self._state.update(status="failed", progress=dict(NO_PROGRESS), result_summary=None, error=error)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end; return whether the work has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return bool(self.state()["status"] != "running")

    def _run(self, work: Work) -> None:
        try:
            result = work(self)
            self._end("completed", result=result)
        except CancelledError:
            self._stopped()
        except (KtrdrError, BackendRefusedError) as error:
            self._end("failed", error={"code": error.code, "message": _sendable(error.message)})
        except BackendAwayError as error:
            self._end("failed", error={"code": "backend_away", "message": _sendable(str(error))})
        except Exception as error:
            log.exception("%s failed", self.operation_id)
            message = f"{type(error).__name__}: {error}"
            self._end("failed", error={"code": "worker_error", "message": _sendable(message)})

    def _stopped(self) -> None:
        if self._left:
            self._end("failed", error={"code": WORKER_SHUTDOWN, "message": "The worker was told to end."})
        else:
            self._end("cancelled")

    def _end(self, status: str, *, result: dict[str, Any] | None = None, error: dict[str, str] | None = None) -> None:
        with self._lock:
            if self._state["status"] != "running":
                return
            if status == "completed":
                self._state["progress"] = {**self._state["progress"], "percentage": 100.0, "current_step": "done"}
            self._state.update(status=status, result_summary=result, error=error)
        log.info("%s %s", self.operation_id, status)
        self._ended()


def _sendable(text: str) -> str:
    """Return a text that the backend accepts: short, without NUL, encodable as UTF-8."""
    return text[:MESSAGE_LIMIT].replace("\0", "?").encode(errors="replace").decode()
