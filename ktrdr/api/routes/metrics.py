"""The backend's figures for Prometheus."""

import time

from fastapi import APIRouter
from fastapi.responses import Response

from ktrdr.api.context import ContextDep
from ktrdr.api.documented import errors, media
from ktrdr.api.store import operations, workers
from ktrdr.settings import version
from ktrdr.web.metrics_text import CONTENT_TYPE, family, text

router = APIRouter(tags=["metrics"])


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
            work, known = operations.counts(db), workers.counts(db)
        jobs = [({"type": kind, "status": status}, number) for kind, status, number in work]
        crew = [({"type": kind, "status": status}, number) for kind, status, number in known]
        lines += family("ktrdr_operations", "gauge", "Operations by type and status.", jobs)
        lines += family("ktrdr_workers", "gauge", "Workers by type and status.", crew)
    return Response(text([*lines, *context.metrics.families()]), media_type=CONTENT_TYPE)
