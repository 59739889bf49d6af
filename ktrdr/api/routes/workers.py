"""The routes of workers: registration, and the heartbeats that bring reports and take work back."""

import json
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field
from starlette.convertors import StringConvertor, register_url_convertor

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answers, answers_to_json
from ktrdr.api.routes.parameters import CallerDep, Name, NameInPath, RequestBody
from ktrdr.api.services.dispatch import Report
from ktrdr.api.store import workers
from ktrdr.epochs import EPOCHS_LIMIT, Epoch
from ktrdr.errors import NotFoundError
from ktrdr.json_text import COMPACT
from ktrdr.model_files import MIB
from ktrdr.strategy.plain import WHOLE

RESERVED: Final = "register"
"""No worker may have this name: its path would be that of the registration."""


class _WorkerInPath(StringConvertor):
    """A path segment that may name a worker; it excludes the reserved name, so no path belongs to two routes."""

    regex = rf"(?!{RESERVED}(?:/|$))[^/]+"


register_url_convertor("worker", _WorkerInPath())
router = APIRouter(prefix="/workers", tags=["workers"])

RESULT_LIMIT: Final = 8 * MIB
"""The longest result of an operation as JSON in ASCII, in which it is stored."""

Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Short = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9), WHOLE]


def _require_json(content: dict[str, Any]) -> dict[str, Any]:
    """Refuse what Python reads from JSON text although the standard does not allow it, and what is too long."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
        length = len(json.dumps(content, separators=COMPACT))
    except (ValueError, RecursionError):
        msg = "holds NaN, an infinity or half a character, or is nested too deeply"
        raise ValueError(msg) from None
    if length > RESULT_LIMIT:
        msg = f"has {length} characters of JSON, at most {RESULT_LIMIT} are kept"
        raise ValueError(msg)
    return content


JsonObject = Annotated[dict[str, Any], AfterValidator(_require_json)]


def _require_free(name: str) -> str:
    """Refuse the one name that no worker may have."""
    if name == RESERVED:
        msg = f"{RESERVED} is no name for a worker: choose another"
        raise ValueError(msg)
    return name


_GROUP: Final = "[0-9A-Fa-f]{1,4}"
_SHORTENED: Final = [f"(?:{_GROUP}:){{1,{first}}}(?::{_GROUP}){{1,{7 - first}}}" for first in range(1, 7)]
_IPV6: Final = "|".join([f"(?:{_GROUP}:){{7}}{_GROUP}", *_SHORTENED, f":(?::{_GROUP}){{1,7}}"])  # RFC 4291, 2.2
_PORT: Final = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
ENDPOINT: Final = rf"^https?://(?:[A-Za-z0-9._\-]+|\[(?:{_IPV6})\])(?::(?:{_PORT}))?(?:/[!-~]*)?$"
"""An address that every client can parse: a name, an IPv4 address, or an IPv6 address in brackets."""

WorkerName = Annotated[Name, AfterValidator(_require_free), Field(json_schema_extra={"not": {"const": RESERVED}})]


class Capabilities(RequestBody):
    """A worker's hardware and libraries."""

    gpu: bool = False
    gpu_type: Short | None = None
    gpu_count: Annotated[int, Field(ge=0, le=1024), WHOLE] = 0
    torch: Short | None = None
    cuda: Short | None = None


class Registration(RequestBody):
    """A worker's registration; `current_operation_id` names an operation that it is already working on."""

    worker_id: WorkerName
    worker_type: workers.WorkerType
    endpoint_url: Annotated[str, Field(pattern=ENDPOINT, max_length=300)]
    capabilities: Capabilities = Capabilities()
    current_operation_id: Name | None = None


class ReportedProgress(RequestBody):
    """An operation's progress."""

    percentage: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    current_step: Text = ""
    steps_completed: Count = 0
    steps_total: Count = 0


class ReportedError(RequestBody):
    """Why an operation failed."""

    code: Name
    message: Text


class ReportedEpoch(RequestBody):
    """An epoch's losses and accuracies."""

    epoch: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT), WHOLE]
    train_loss: Number
    train_accuracy: Share
    val_loss: Number
    val_accuracy: Share


class ReportedOperation(RequestBody):
    """A worker's report on its operation."""

    operation_id: Name
    status: Literal["running", "completed", "failed", "cancelled"]
    progress: ReportedProgress = ReportedProgress()
    error: ReportedError | None = None
    result_summary: JsonObject | None = None
    epochs: Annotated[list[ReportedEpoch], Field(max_length=EPOCHS_LIMIT)] = Field(default_factory=list)


class Heartbeat(RequestBody):
    """A worker's heartbeat, with its operation if it has one."""

    operation: ReportedOperation | None = None


@router.post("/register", responses=answers_to_json("WorkerRegisteredAnswer", 429))
def register(context: ContextDep, caller: CallerDep, request: Registration) -> JSONResponse:
    """Register a worker. It sends the answer's `token` as X-Worker-Token with what follows."""
    token = context.dispatcher.register(
        request.worker_id,
        request.worker_type,
        request.endpoint_url,
        request.capabilities.model_dump(),
        request.current_operation_id,
        address=caller.address,
    )
    return JSONResponse({"success": True, "worker_id": request.worker_id, "token": token})


@router.get("", responses=answers("WorkersAnswer"))
def every(context: ContextDep) -> JSONResponse:
    """List the workers."""
    with context.database.transaction() as db:
        rows = workers.every(db)
    found = [workers.as_json(row) for row in rows]
    return JSONResponse({"success": True, "workers": found, "total_count": len(found)})


@router.get("/{worker_id:worker}", responses=answers("WorkerAnswer", 404))
def worker(context: ContextDep, worker_id: NameInPath) -> JSONResponse:
    """Return one worker."""
    with context.database.transaction() as db:
        row = workers.get(db, worker_id)
    if row is None:
        raise NotFoundError("unknown_worker", f"No worker {worker_id} is registered.")
    return JSONResponse({"success": True, "worker": workers.as_json(row)})


@router.delete("/{worker_id:worker}", responses=answers("WorkerNamedAnswer", 404, 409))
def remove(context: ContextDep, caller: CallerDep, worker_id: NameInPath) -> JSONResponse:
    """Remove a worker; an operation that it had begun fails, one that it had not begun goes back to the queue."""
    context.dispatcher.remove(worker_id, caller)
    return JSONResponse({"success": True, "worker_id": worker_id})


@router.post("/{worker_id:worker}/heartbeat", responses=answers_to_json("HeartbeatAnswer", 404, 409))
def heartbeat(context: ContextDep, caller: CallerDep, worker_id: NameInPath, request: Heartbeat) -> JSONResponse:
    """Accept a report; answer {cancel, operation}: whether to stop, and what to begin, if anything."""
    report = None
    if work := request.operation:
        error = (work.error.code, work.error.message) if work.error else None
        result = work.result_summary if work.status == "completed" else None
        epochs = tuple(Epoch(**one.model_dump()) for one in work.epochs)
        report = Report(work.operation_id, work.status, work.progress.model_dump(), error, result, epochs)
        if work.status == "completed":
            context.held.require_result(work.operation_id, work.result_summary)
    return JSONResponse({"success": True, **context.dispatcher.heartbeat(worker_id, report, caller)})
