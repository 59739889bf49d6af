"""A worker's side of the protocol: register, send heartbeats, do the work that they bring."""

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from ktrdr.secret_file import bearer
from ktrdr.worker.backend import Backend, BackendAwayError, BackendRefusedError
from ktrdr.worker.job import Job, Work
from ktrdr.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

IDLE_INTERVAL_S: Final = 2.0
BUSY_INTERVAL_S: Final = 1.0
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 10.0
STOP_WITHIN_S: Final = 2.5
LEAVE_WITHIN_S: Final = 7.0
"""What is left of an engine's 10 s once the server has closed its connections, but for a second."""
FAREWELL_TIMEOUT_S: Final = 1.5
UNKNOWN_WORKER: Final = "unknown_worker"
REPLACED: Final = "worker_replaced"
TOKEN_HEADER: Final = "X-Worker-Token"  # noqa: S105  a name, no secret


class Agent:
    """Runs in its own thread, so that work and heartbeats never delay each other."""

    def __init__(self, settings: WorkerSettings, backend: Backend, capabilities: dict[str, Any], work: Work) -> None:
        self.settings = settings
        self.job: Job | None = None
        self.registered = False
        self.replaced = False
        self.when_replaced: Callable[[], object] = lambda: None
        self.finished = 0
        self._backend = backend
        backend.credentials |= bearer(settings.secret)
        self._capabilities = capabilities
        self._work = work
        self._retry_s = FIRST_RETRY_S
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    @property
    def path(self) -> str:
        """The worker's own route at the backend."""
        return f"/workers/{self.settings.worker_id}"

    def start(self) -> None:
        """Begin to register."""
        self._thread.start()

    def problem(self) -> str | None:
        """Return why this worker cannot work, or None. An absent backend is not counted."""
        if self.replaced:
            return f"another worker is named {self.settings.worker_id}; give each its own KTRDR_WORKER_ID"
        return None if self._thread.is_alive() else "the thread that talks to the backend has ended"

    def stop(self) -> None:
        """Give the running operation up, report that, and sign off.

        It takes at most LEAVE_WITHIN_S seconds, whatever work and backend do.
        """
        end = time.monotonic() + LEAVE_WITHIN_S
        self._stopping.set()
        self._wake.set()
        if self.job is not None:
            self.job.leave()
        self._backend.timeout_s = FAREWELL_TIMEOUT_S
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN_S)
        job = self.job
        if job is not None:
            job.leave()
            if not job.wait(STOP_WITHIN_S):
                job.abandon()
        # The time-out bounds each read, not the whole answer. A thread can be abandoned if the answer never ends.
        farewell = threading.Thread(target=self._say_farewell, args=(job, end), name="farewell", daemon=True)
        farewell.start()
        farewell.join(max(0.0, end - time.monotonic()))
        if farewell.is_alive():
            log.warning("stopped before the backend had answered the sign-off")

    def _say_farewell(self, job: Job | None, end: float) -> None:
        """Report the operation's end, and that this worker signs off; again until `end` while no backend answers."""
        while not self.replaced:
            try:
                self._sign_off(job)
            except BackendAwayError as error:
                if job is None or time.monotonic() + FIRST_RETRY_S > end:
                    log.warning("stopped without signing off: %s", error)
                    return
            else:
                return
            time.sleep(FIRST_RETRY_S)

    def _sign_off(self, job: Job | None) -> None:
        try:
            if job is not None:
                self._backend.call("POST", self.path + "/heartbeat", {"operation": job.state()})
        except BackendRefusedError as error:
            log.warning("the backend refuses the report on what ends here: %s", error)
        try:
            if self.registered:
                self._backend.call("DELETE", self.path)
        except BackendRefusedError as error:
            log.warning("stopped without signing off: %s", error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait_s = self._heartbeat() if self.registered else self._register()
                self._retry_s = FIRST_RETRY_S
            except BackendRefusedError as error:
                wait_s = self._refused(error)
            except BackendAwayError as error:
                wait_s = self._back_off(error)
            except Exception as error:
                log.exception("the backend's answer cannot be used")
                wait_s = self._back_off(error)
            self._wake.wait(wait_s)
            self._wake.clear()

    def _register(self) -> float:
        body = {
            "worker_id": self.settings.worker_id,
            "worker_type": self.settings.worker_type,
            "endpoint_url": self.settings.endpoint_url,
            "capabilities": self._capabilities,
            "current_operation_id": self.job.operation_id if self.job else None,
        }
        answer = self._backend.call("POST", "/workers/register", body)
        self._backend.credentials[TOKEN_HEADER] = str(answer.get("token", ""))  # older backends give none
        self.registered = True
        log.info("registered as %s at %s", self.settings.worker_id, self.settings.api_url)
        return 0.0

    def _heartbeat(self) -> float:
        job = self.job
        state = job.state() if job else None
        try:
            answer = self._backend.call("POST", self.path + "/heartbeat", {"operation": state})
        except BackendRefusedError as error:
            if error.code in (UNKNOWN_WORKER, REPLACED) or not job or not state or state["status"] == "running":
                raise
            self._give_up(job, error)
            return 0.0
        if job and state:
            job.delivered(state)
        cancelled, assignment = answer["cancel"], answer["operation"]
        if job and state and state["status"] != "running":
            self.job = None
            self.finished += 1
        elif job and cancelled:
            job.cancel()
        if self.job is None and assignment and not self._stopping.is_set():
            self.job = Job(assignment, self._backend, self._wake.set)
            log.info("%s begins", self.job.operation_id)
            self.job.start(self._work)
            return 0.0
        return BUSY_INTERVAL_S if self.job else IDLE_INTERVAL_S

    def _give_up(self, job: Job, error: BackendRefusedError) -> None:
        """Report a plain failure, once, if the backend refuses the report of an operation's end; then drop it."""
        log.error("the backend refuses the report on %s: %s", job.operation_id, error)
        if job.replaced:
            self.job = None
            self.finished += 1
        else:
            job.replace(str(error))

    def _refused(self, error: BackendRefusedError) -> float:
        if error.code == REPLACED:
            self._end_as_replaced()
            return 0.0
        if error.code == UNKNOWN_WORKER and self.registered:
            log.info("the backend no longer knows this worker; registering again")
            self.registered = False
            return 0.0
        return self._back_off(error)

    def _end_as_replaced(self) -> None:
        """Stop: another worker has this one's name, and each would take the other's work for lost."""
        self.replaced = True
        log.error("stopping: %s", self.problem())
        self._stopping.set()
        if self.job is not None:
            self.job.cancel()
        self.when_replaced()

    def _back_off(self, error: Exception) -> float:
        wait_s = self._retry_s * random.uniform(0.8, 1.2)  # noqa: S311  spreads workers out; no secret
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S if not self.registered else IDLE_INTERVAL_S)
        log.warning("%s; next try in %.1f s", error, wait_s)
        return wait_s
