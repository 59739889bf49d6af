"""Whether the backend can do its work."""

import time
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import answer, answers
from ktrdr.settings import version

router = APIRouter(tags=["health"])


@router.get("/health", responses=answers("HealthAnswer") | answer(503, "HealthAnswer"))
def health(context: ContextDep) -> JSONResponse:
    """Answer 200 with status "ok", or 503 with the reason when the store cannot be written to, or the disk is full."""
    unusable = context.refusal or context.database.check()
    problem = unusable or context.full()
    body = {
        "status": "unavailable" if problem else "ok",
        "version": version(),
        "uptime_s": round(time.monotonic() - context.started, 3),
        "database": {
            "state": "unusable" if unusable else "ok",
            "kind": context.database.kind,
            "schema_version": context.database.schema_version,
        },
    }
    if problem:
        body["reason"] = problem
    return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK)
