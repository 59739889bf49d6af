"""The backend's figures for Prometheus."""

import time
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import errors, media
from ktrdr.api.services.departures import WORKER_LOST
from ktrdr.api.services.dispatch import CUT_OFF
from ktrdr.api.store import operations, workers
from ktrdr.errors import WORKER_SHUTDOWN
from ktrdr.settings import version
from ktrdr.web.metrics_text import CONTENT_TYPE, family, text

router = APIRouter(tags=["metrics"])

CODES: Final = (WORKER_SHUTDOWN, WORKER_LOST, CUT_OFF)
"""Reasons that are counted each: the operation was not at fault."""


@router.get("/metrics", response_class=Response, responses=errors() | media(200, "text/plain"))
def metrics(context: ContextDep) -> Response:
    """Return figures on build, uptime, store, operations, workers and requests in Prometheus' text format."""
    usable = context.database.check() is None
    lines = [
        *family("ktrdr_build_info", "gauge", "The running version.", [({"version": version()}, 1)]),
        *family(
            "ktrdr_uptime_seconds", "gauge", "Seconds since the start.", [({}, time.monotonic() - context.started)]
        ),
        *family("ktrdr_store_usable", "gauge", "1 when the store can be written to.", [({}, int(usable))]),
    ]
    if usable:
        with context.database.transaction() as db:
            work, known, why = operations.counts(db), workers.counts(db), operations.failures(db, CODES)
        jobs = [({"type": kind, "status": status}, number) for kind, status, number in work]
        failed = [({"type": kind, "code": code}, number) for kind, code, number in why]
        crew = [({"type": kind, "status": status}, number) for kind, status, number in known]
        lines += family("ktrdr_operations", "gauge", "Operations by type and status.", jobs)
        lines += family("ktrdr_operations_failed", "gauge", "Failed operations by type and reason.", failed)
        lines += family("ktrdr_workers", "gauge", "Workers by type and status.", crew)
    return Response(text([*lines, *context.metrics.families()]), media_type=CONTENT_TYPE)
