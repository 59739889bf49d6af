"""The routes of operations: trainings, backtests and uploads, with their progress and results."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from ktrdr.api.answers import JsonTexts
from ktrdr.api.context import Context, ContextDep
from ktrdr.api.documented import answers
from ktrdr.api.routes.parameters import Name, NameInPath, Offset
from ktrdr.api.store import operations as store
from ktrdr.api.store.connection import Row
from ktrdr.errors import BadRequestError, ConflictError, NotFoundError
from ktrdr.json_text import listed, spliced
from ktrdr.model_files import MIB

router = APIRouter(prefix="/operations", tags=["operations"])

PAGE_LIMIT: Final = 16 * MIB
"""The most characters of operations in one answer: more than a default page of long backtests (220 kB each)."""


@router.get("", responses=answers("OperationsAnswer", 400))
def operations(
    context: ContextDep,
    status: store.Status | None = None,
    operation_type: store.OperationType | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Offset = 0,
    *,
    sort: store.Sort = "newest",
    retry_of: Name | None = None,
    brief: bool = False,
) -> Response:
    """List operations; `brief` leaves out results and strategies, which make up most of the bytes.

    Sorted by status, running ones come first, then pending, failed, completed and cancelled ones, the newest of each
    first. Sorted by type, trainings come first, then predictions, uploads and backtests.

    `retry_of` asks for those that repeat an operation.
    A page that is too long for one answer is refused: ask for fewer operations, or for a brief page.
    """
    asked = {"status": status, "kind": operation_type, "retry_of": retry_of}
    with context.database.transaction() as db:
        _require_short(store.page_size(db, **asked, limit=limit, offset=offset, sort=sort, brief=brief), limit)
        rows, total = store.page(db, **asked, limit=limit, offset=offset, sort=sort, brief=brief)
    found = listed(store.as_text(row, brief=brief) for row in rows)
    return JsonTexts(spliced({"success": True, "total_count": total}, operations=found))


@router.get("/{operation_id}", responses=answers("OperationAnswer", 404))
def operation(context: ContextDep, operation_id: NameInPath) -> Response:
    """Return one operation."""
    return JsonTexts(spliced({"success": True}, operation=store.as_text(_find(context, operation_id))))


@router.get("/{operation_id}/results", responses=answers("OperationResultsAnswer", 404, 409))
def results(context: ContextDep, operation_id: NameInPath) -> Response:
    """Return the results of a completed operation."""
    found = _find(context, operation_id)
    if found["status"] != "completed":
        message = f"Operation {operation_id} is {found['status']}; only completed ones have results."
        raise ConflictError("not_completed", message, {"status": found["status"]})
    kept = {key: found[key] for key in ("operation_id", "operation_type", "status")}
    text = [found["result_summary"] or "null"]
    return JsonTexts(spliced({"success": True, **kept}, result_summary=text, results=text))


@router.get("/{operation_id}/metrics", responses=answers("EpochsAnswer", 404, 409))
def metrics(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Return a training's losses and accuracies by epoch, while it runs and after."""
    found = [asdict(one) for one in context.dispatcher.epochs(operation_id)]
    return JSONResponse({"success": True, "operation_id": operation_id, "epochs": found})


@router.delete("/{operation_id}", status_code=202, responses=answers("CancelledAnswer", 404, 409, status=202))
def cancel(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Cancel an operation: `status` stays running until its worker has stopped. What it has done by then stays done."""
    status = context.dispatcher.cancel(operation_id)
    return JSONResponse(
        {"success": True, "operation_id": operation_id, "status": status, "cancel_requested": True}, 202
    )


@router.post("/{operation_id}/retry", status_code=202, responses=answers("RetriedAnswer", 404, 409, 429, status=202))
def retry(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Queue the same request again, as a new operation that names its predecessor."""
    new = context.dispatcher.retry(operation_id)
    return JSONResponse({"success": True, "operation_id": new, "retry_of": operation_id, "status": "pending"}, 202)


@router.delete("/{operation_id}/entry", responses=answers("OperationForgottenAnswer", 404, 409))
def forget(context: ContextDep, operation_id: NameInPath) -> JSONResponse:
    """Remove an operation that has ended, with its results. The model of a training stays."""
    context.dispatcher.forget(operation_id)
    return JSONResponse({"success": True, "operation_id": operation_id})


def _require_short(size: int, limit: int) -> None:
    if size > PAGE_LIMIT:
        message = (
            f"The results of these operations have {size / MIB:.1f} MiB, one answer holds {PAGE_LIMIT // MIB} MiB:"
            f" ask with brief=true, or with a limit below {limit}."
        )
        raise BadRequestError("results_too_long", message, {"size_bytes": size, "at_most": PAGE_LIMIT})


def _find(context: Context, operation_id: str) -> Row:
    with context.database.transaction() as db:
        row = store.get(db, operation_id)
    if row is None:
        raise NotFoundError("no_operation", f"No operation {operation_id}.")
    return row
