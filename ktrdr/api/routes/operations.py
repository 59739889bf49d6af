"""The routes of operations: trainings, backtests and uploads, with their progress and results."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from ktrdr.api.bodies import MIB
from ktrdr.api.context import Context, ContextDep
from ktrdr.api.documented import answers, answers_to_change
from ktrdr.api.routes.parameters import NameInPath
from ktrdr.api.store import operations as store
from ktrdr.errors import BadRequestError, ConflictError, NotFoundError

router = APIRouter(prefix="/operations", tags=["operations"])


RESULTS_LIMIT: Final = 16 * MIB
"""The limit of results in one answer: more than a default page of long backtests (220 kB each)."""


@router.get("", responses=answers("OperationsAnswer", 400))
def operations(
    context: ContextDep,
    status: store.Status | None = None,
    operation_type: store.OperationType | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    *,
    brief: bool = False,
) -> JSONResponse:
    """List operations, newest first; `brief` leaves out results and strategies, which make up most of the bytes.

    A page whose results are too long for one answer is refused: ask for fewer operations, or for a brief page.
    """
    with context.database.transaction() as db:
        if not brief:
            size = store.results_size(db, status=status, kind=operation_type, limit=limit, offset=offset)
            _require_short(size, limit)
        rows, total = store.page(db, status=status, kind=operation_type, limit=limit, offset=offset, brief=brief)
    found = [store.as_json(row) for row in rows]
    if brief:
        found = [_brief(operation) for operation in found]
    return JSONResponse({"success": True, "operations": found, "total_count": total})


@router.get("/{operation_id}", responses=answers("OperationAnswer", 404))
def operation(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Return one operation."""
    return JSONResponse({"success": True, "operation": _find(context, operation_id)})


@router.get("/{operation_id}/results", responses=answers("OperationResultsAnswer", 404, 409))
def results(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Return the results of a completed operation."""
    found = _find(context, operation_id)
    if found["status"] != "completed":
        message = f"Operation {operation_id} is {found['status']}; only completed ones have results."
        raise ConflictError("not_completed", message, {"status": found["status"]})
    kept = ("operation_id", "operation_type", "status", "result_summary")
    return JSONResponse({"success": True, **{key: found[key] for key in kept}, "results": found["result_summary"]})


@router.delete("/{operation_id}", status_code=202, responses=answers_to_change("CancelledAnswer", 404, 409, status=202))
def cancel(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Cancel an operation: `status` stays running until its worker has stopped."""
    status = context.dispatcher.cancel(operation_id)
    return JSONResponse(
        {"success": True, "operation_id": operation_id, "status": status, "cancel_requested": True}, 202
    )


@router.post(
    "/{operation_id}/retry", status_code=202, responses=answers_to_change("RetriedAnswer", 404, 409, 429, status=202)
)
def retry(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Queue the same request again, as a new operation that names its predecessor."""
    new = context.dispatcher.retry(operation_id)
    return JSONResponse({"success": True, "operation_id": new, "retry_of": operation_id, "status": "pending"}, 202)


def _brief(operation: dict[str, Any]) -> dict[str, Any]:
    metadata = operation["metadata"]
    request = {key: value for key, value in metadata["request"].items() if key != "strategy"}
    return {**operation, "metadata": {**metadata, "request": request}}


def _require_short(size: int, limit: int) -> None:
    if size > RESULTS_LIMIT:
        message = (
            f"The results of these operations have {size / MIB:.1f} MiB, one answer holds {RESULTS_LIMIT // MIB} MiB:"
            f" ask with brief=true, or with a limit below {limit}."
        )
        raise BadRequestError("results_too_long", message, {"size_bytes": size, "at_most": RESULTS_LIMIT})


def _find(context: Context, operation_id: str) -> dict[str, object]:
    with context.database.transaction() as db:
        row = store.get(db, operation_id)
    if row is None:
        raise NotFoundError("no_operation", f"No operation {operation_id}.")
    return store.as_json(row)
