"""The workers: who they are, and the heartbeats by which they report and are given work."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ktrdr.api.context import ContextDep
from ktrdr.api.routes.parameters import Name, NameInPath
from ktrdr.api.services.dispatch import Report
from ktrdr.api.store import operations, workers
from ktrdr.errors import NotFoundError

router = APIRouter(prefix="/workers", tags=["workers"])

Text = Annotated[str, Field(max_length=2000)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class Capabilities(BaseModel):
    """What a worker computes with."""

    gpu: bool = False
    gpu_type: Text | None = None
    gpu_count: Annotated[int, Field(ge=0, le=1024)] = 0
    torch: Text | None = None
    cuda: Text | None = None


class Registration(BaseModel):
    """A worker that introduces itself; the operation is one it works on already."""

    worker_id: Name
    worker_type: workers.WorkerType
    endpoint_url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\-_\[\]:]+(/[^\s]*)?$", max_length=300)]
    capabilities: Capabilities = Capabilities()
    current_operation_id: Name | None = None


class ReportedProgress(BaseModel):
    """How far an operation is."""

    percentage: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    current_step: Text = ""
    steps_completed: Count = 0
    steps_total: Count = 0


class ReportedError(BaseModel):
    """Why an operation failed."""

    code: Name
    message: Text


class ReportedOperation(BaseModel):
    """What a worker says of its operation."""

    operation_id: Name
    status: Literal["running", "completed", "failed", "cancelled"]
    progress: ReportedProgress = ReportedProgress()
    error: ReportedError | None = None
    result_summary: dict[str, Any] | None = None


class Heartbeat(BaseModel):
    """A worker's sign of life, with its operation if it has one."""

    operation: ReportedOperation | None = None


@router.post("/register")
def register(context: ContextDep, request: Registration) -> JSONResponse:
    """Take a worker in."""
    context.dispatcher.register(
        request.worker_id,
        request.worker_type,
        request.endpoint_url,
        request.capabilities.model_dump(),
        request.current_operation_id,
    )
    return JSONResponse({"success": True, "worker_id": request.worker_id})


@router.get("")
def every(context: ContextDep) -> JSONResponse:
    """List the workers."""
    with context.database.transaction() as db:
        rows = [(row, operations.of_worker(db, row["worker_id"])) for row in workers.every(db)]
    found = [workers.as_json(row, work["operation_id"] if work else None) for row, work in rows]
    return JSONResponse({"success": True, "workers": found, "total_count": len(found)})


@router.get("/{worker_id}")
def one(context: ContextDep, worker_id: NameInPath) -> JSONResponse:
    """Return one worker."""
    with context.database.transaction() as db:
        row = workers.get(db, worker_id)
        work = operations.of_worker(db, worker_id)
    if row is None:
        raise NotFoundError("unknown_worker", f"No worker {worker_id} is registered.")
    return JSONResponse({"success": True, "worker": workers.as_json(row, work["operation_id"] if work else None)})


@router.delete("/{worker_id}")
def remove(context: ContextDep, worker_id: NameInPath) -> JSONResponse:
    """Forget a worker; what it had begun is failed, what it had not goes back to the queue."""
    context.dispatcher.remove(worker_id)
    return JSONResponse({"success": True, "worker_id": worker_id})


@router.post("/{worker_id}/heartbeat")
def heartbeat(context: ContextDep, worker_id: NameInPath, request: Heartbeat) -> JSONResponse:
    """Take a report; answer {cancel, operation}: whether to stop, and what to begin, if anything."""
    report = None
    if work := request.operation:
        error = (work.error.code, work.error.message) if work.error else None
        report = Report(work.operation_id, work.status, work.progress.model_dump(), error, work.result_summary)
    return JSONResponse({"success": True, **context.dispatcher.heartbeat(worker_id, report)})
