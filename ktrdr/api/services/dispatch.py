"""Assigns operations to workers: the queue, the workers' reports, and the operations of lost workers."""

import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ktrdr.api.services import departures
from ktrdr.api.store import epochs, operations, workers
from ktrdr.api.store.connection import Connection, Row
from ktrdr.api.store.database import Database
from ktrdr.epochs import Epoch
from ktrdr.errors import WORKER_SHUTDOWN, ConflictError, NotFoundError, TooManyError, UnavailableError

log = logging.getLogger(__name__)

SILENT_AFTER_S: Final = 10.0
FORGOTTEN_AFTER_S: Final = 600.0
ASKED_WITHIN_S: Final = 5.0
"""Two heartbeats of an idle worker, which come every 2 s, and a second on their way."""
WORKERS_LIMIT: Final = 500
QUEUE_LIMIT: Final = 200
"""The most waiting operations of one type: a day's work for one worker, and no more than a list can show."""
CUT_OFF: Final = "backend_away"
"""What a worker reports that could not reach this backend for too long: its work was not at fault."""
PAUSED_AFTER_S: Final = 5.0
"""Ticks come every second. After a longer gap the backend was paused, and no worker could report to it."""


@dataclass(frozen=True)
class Report:
    """A worker's report on its operation; `error` is a code and a message, `epochs` are those not told before."""

    operation_id: str
    status: operations.Status
    progress: dict[str, Any]
    error: tuple[str, str] | None
    result: dict[str, Any] | None
    epochs: tuple[Epoch, ...] = ()

    @property
    def leaves(self) -> bool:
        """Whether the worker gave the operation up because it was told to end."""
        return self.status == "failed" and self.error is not None and self.error[0] == WORKER_SHUTDOWN


class Dispatcher:
    """Makes every change of operations and workers, in one transaction each.

    `retry_on_shutdown`: an operation whose worker is told to end is queued anew, once.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, *, retry_on_shutdown: bool = True
    ) -> None:
        self.database = database
        self.clock = clock
        self._retry_on_shutdown = retry_on_shutdown
        self._ticked: float | None = None

    def start(self) -> None:
        """Give the workers known from before a restart the time that a silent worker has to report."""
        with self.database.transaction() as db:
            workers.grant_grace(db, self.clock())

    def enqueue(self, kind: operations.OperationType, request: dict[str, Any]) -> str:
        """Queue an operation and return its id.

        UnavailableError if no worker of its type has registered, TooManyError if QUEUE_LIMIT operations wait.
        """
        with self.database.transaction() as db:
            self._require_room(db, kind)
            return operations.add(db, kind, request, self.clock())

    def cancel(self, operation_id: str) -> operations.Status:
        """Cancel an operation: at once if it has not begun, otherwise through its worker. Return the present status."""
        with self.database.transaction() as db:
            row = _require(db, operation_id)
            if row["status"] in operations.FINAL:
                message = f"Operation {operation_id} is {row['status']} already."
                raise ConflictError("operation_finished", message, {"status": row["status"]})
            if row["status"] == "running":
                operations.request_cancel(db, operation_id)
                return "running"
            operations.finish(db, operation_id, "cancelled", self.clock())
            return "cancelled"

    def retry(self, operation_id: str) -> str:
        """Queue the same request again and return the new id; it goes on from the checkpoint, if there is one.

        ConflictError if the operation has not ended, has completed, was an upload or is already being retried; also
        what `enqueue` raises.
        """
        with self.database.transaction() as db:
            row = _require(db, operation_id)
            _require_retryable(row)
            if known := operations.retry_under_way(db, operation_id):
                message = f"Operation {operation_id} is being retried already, as {known}."
                raise ConflictError("operation_retried", message, {"operation_id": known})
            kind = row["operation_type"]
            self._require_room(db, kind)
            return departures.repeat(db, row, kind, self.clock())

    def epochs(self, operation_id: str) -> list[Epoch]:
        """Return the epochs of a training so far; NotFoundError for no operation, ConflictError for no training."""
        with self.database.transaction() as db:
            row = operations.state(db, operation_id)
            if row is None:
                raise _no_operation(operation_id)
            if row["operation_type"] != "training":
                kind = row["operation_type"]
                message = f"Operation {operation_id} is a {kind}; only a training has metrics by epoch."
                raise ConflictError("not_a_training", message, {"operation_type": kind})
            return epochs.of(db, operation_id)

    def forget(self, operation_id: str) -> None:
        """Remove an operation with its result; ConflictError if it has not ended, NotFoundError if there is none."""
        with self.database.transaction() as db:
            row = _require(db, operation_id)
            if row["status"] not in operations.FINAL:
                message = f"Operation {operation_id} is {row['status']}: cancel it, and wait for its end."
                raise ConflictError("operation_not_finished", message, {"status": row["status"]})
            operations.remove(db, operation_id)

    def register(
        self,
        worker_id: str,
        kind: workers.WorkerType,
        endpoint_url: str,
        capabilities: dict[str, Any],
        operation_id: str | None,
        *,
        address: str = "",
    ) -> str:
        """Register a worker, and return its token: who sends an earlier one from now on is told to stop.

        An operation assigned to it earlier that it no longer holds is lost or queued again.
        TooManyError if there are WORKERS_LIMIT others; those that went offline give way.
        """
        now, caller = self.clock(), workers.Caller(secrets.token_hex(16), address)
        with self.database.transaction() as db:
            if workers.get(db, worker_id) is None:
                _require_place(db, now)
            self._drop(db, worker_id, keep=operation_id)
            workers.register(
                db, worker_id, kind=kind, endpoint_url=endpoint_url, capabilities=capabilities, caller=caller, now=now
            )
            if operations.of_worker(db, worker_id):
                workers.seen(db, worker_id, "busy", now)
        return caller.token

    def remove(self, worker_id: str, caller: workers.Caller = workers.UNKNOWN) -> None:
        """Remove a worker; NotFoundError if there is none, ConflictError if another one has its name by now."""
        with self.database.transaction() as db:
            _require_current(db, worker_id, caller)
            self._drop(db, worker_id)
            workers.remove(db, worker_id)

    def heartbeat(
        self, worker_id: str, report: Report | None, caller: workers.Caller = workers.UNKNOWN
    ) -> dict[str, Any]:
        """Accept a worker's report; return {cancel, operation}: whether to stop, and what to begin, if anything.

        A worker that reports that it was told to end is given nothing more.
        NotFoundError (code unknown_worker) tells the worker to register again, ConflictError (code worker_replaced)
        that another one has its name by now.
        """
        with self.database.transaction() as db:
            _require_current(db, worker_id, caller)
            cancel = self._take(db, worker_id, report) if report else False
            if report and report.leaves:
                self._drop(db, worker_id)
                workers.seen(db, worker_id, "offline", self.clock())
                return {"cancel": False, "operation": None}
            given = operations.of_worker(db, worker_id)
            reported = report.operation_id if report else None
            if given and given["status"] == "running" and given["operation_id"] != reported:
                self._drop(db, worker_id)
                given = None
            at_work = given is not None or (report is not None and report.status not in operations.FINAL)
            workers.seen(db, worker_id, "busy" if at_work else "idle", self.clock())
            if not at_work:
                given = self._hand_out(db, worker_id)
        new = given if given and given["status"] == "pending" else None
        return {"cancel": cancel, "operation": _assignment(new) if new else None}

    def tick(self) -> None:
        """Do the periodic work: silent workers go offline, and their operations are lost or queued again.

        After a pause of the backend itself, workers get the same time to report as after a restart.
        """
        now = self.clock()
        with self.database.transaction() as db:
            if self._ticked is not None and now - self._ticked > PAUSED_AFTER_S:
                workers.grant_grace(db, now)
            for row in workers.silent(db, now - SILENT_AFTER_S):
                workers.set_offline(db, row["worker_id"])
                self._drop(db, row["worker_id"])
            workers.forget_offline(db, now - FORGOTTEN_AFTER_S)
        self._ticked = now

    def _require_room(self, db: Connection, kind: operations.OperationType) -> None:
        worker_type = operations.WORKER_TYPE[kind]
        if not workers.number(db, worker_type):
            raise _no_worker(worker_type)
        if operations.pending(db, kind) >= QUEUE_LIMIT:
            message = f"{QUEUE_LIMIT} {kind} operations wait already: try again when some have begun, or cancel some."
            raise TooManyError("queue_full", message, {"at_most": QUEUE_LIMIT})

    def _take(self, db: Connection, worker_id: str, report: Report) -> bool:
        """Store a report; return whether the worker is to stop."""
        row = operations.get(db, report.operation_id)
        if row is None or row["worker_id"] != worker_id or row["status"] in operations.FINAL:
            return report.status not in operations.FINAL
        # A worker of an earlier ktrdr that was told to end says that it was cancelled, which nobody asked for.
        left = report.leaves or (report.status == "cancelled" and not row["cancel_requested"])
        if not left or row["status"] == "running":  # else nobody was told of a beginning
            operations.begin(db, report.operation_id, self.clock())
            operations.advance(db, report.operation_id, report.progress)
            if row["operation_type"] == "training":
                epochs.add(db, report.operation_id, report.epochs)
        if left:
            departures.told_to_end(db, row, self.clock(), retry=self._retry_on_shutdown)
        elif report.status in operations.FINAL:
            cut_off = report.status == "failed" and report.error is not None and report.error[0] == CUT_OFF
            operations.finish(
                db, report.operation_id, report.status, self.clock(), error=report.error, result=report.result,
                left_behind=cut_off,
            )  # fmt: skip
        return report.status not in operations.FINAL and bool(row["cancel_requested"])

    def _drop(self, db: Connection, worker_id: str, keep: str | None = None) -> None:
        row = operations.of_worker(db, worker_id)
        if row is not None and row["operation_id"] != keep:
            departures.lost(db, row, self.clock())

    def _hand_out(self, db: Connection, worker_id: str) -> Row | None:
        """Give an idle worker the head of its queue, if enough work waits for it and for all workers before it in turn.

        Only a worker that asks gets work; none is reserved for another. So operations begin in the queue's order.
        """
        worker = workers.get(db, worker_id)
        kind = worker["worker_type"] if worker else ""
        queue = operations.waiting(db, kind)
        if not queue:  # as nearly always: who waits for whom need not be known then
            return None
        turns = workers.idle(db, kind, self.clock() - ASKED_WITHIN_S)
        if kind == "training":
            # Sorting is stable: among workers alike, the least recently used one stays first.
            turns.sort(key=lambda row: not json.loads(row["capabilities"]).get("gpu"))
        if worker_id not in [row["worker_id"] for row in turns[: len(queue)]]:
            return None
        operations.hand_out(db, queue[0]["operation_id"], worker_id)
        workers.used(db, worker_id, self.clock())
        return operations.of_worker(db, worker_id)


def _assignment(row: Row) -> dict[str, Any]:
    return {
        "operation_id": row["operation_id"],
        "operation_type": row["operation_type"],
        "request": json.loads(row["request"]),
    }


def _require(db: Connection, operation_id: str) -> Row:
    row = operations.get(db, operation_id)
    if row is None:
        raise _no_operation(operation_id)
    return row


def _no_operation(operation_id: str) -> NotFoundError:
    return NotFoundError("no_operation", f"No operation {operation_id}.")


def _require_retryable(row: Row) -> None:
    if row["operation_type"] not in operations.WORKER_TYPE:
        reason = "was an upload, and what was sent is not kept; upload the file again."
    elif row["status"] not in ("failed", "cancelled"):
        reason = f"is {row['status']}; only failed and cancelled ones can be retried."
    else:
        return
    message = f"Operation {row['operation_id']} {reason}"
    raise ConflictError("operation_not_retryable", message, {"status": row["status"]})


def _require_place(db: Connection, now: float) -> None:
    if workers.number(db) >= WORKERS_LIMIT:
        workers.forget_offline(db, now)
    if workers.number(db) >= WORKERS_LIMIT:
        message = f"{WORKERS_LIMIT} workers are registered already: stop some, or remove them (DELETE /workers/NAME)."
        raise TooManyError("too_many_workers", message, {"at_most": WORKERS_LIMIT})


def _require_current(db: Connection, worker_id: str, caller: workers.Caller) -> None:
    row = workers.get(db, worker_id)
    if row is None:
        raise _unknown_worker(worker_id)
    if caller.token and caller.token != row["token"]:
        log.warning(
            "two workers are named %s: the one at %s was replaced by the one at %s; give each its own KTRDR_WORKER_ID",
            worker_id, caller.address, row["address"],
        )  # fmt: skip
        message = f"Another worker has registered as {worker_id}: give each worker its own name in KTRDR_WORKER_ID."
        raise ConflictError("worker_replaced", message)


def _unknown_worker(worker_id: str) -> NotFoundError:
    return NotFoundError("unknown_worker", f"No worker {worker_id} is registered; register it.")


def _no_worker(worker_type: str) -> UnavailableError:
    message = f"No {worker_type} worker is registered."
    hint = f"Start one: KTRDR_WORKER_TYPE={worker_type} with KTRDR_API_URL set to this backend."
    return UnavailableError("no_worker", message, {"worker_type": worker_type, "registered_workers": 0, "hint": hint})
