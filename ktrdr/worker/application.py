"""A worker's ASGI application: its health and figures. The agent communicates with the backend."""

import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ktrdr import torch_check
from ktrdr.errors import SettingError
from ktrdr.settings import version
from ktrdr.web import NO_TELEMETRY
from ktrdr.web.head import AnswerHead
from ktrdr.web.metrics_text import CONTENT_TYPE, family, text
from ktrdr.worker.agent import Agent
from ktrdr.worker.backend import Backend
from ktrdr.worker.job import Work
from ktrdr.worker.settings import WorkerSettings

log = logging.getLogger(__name__)


def create_worker(worker_type: str, work: Work) -> FastAPI:
    """Create a worker's application; ends the process with 2 for a wrong setting, with 1 without a working torch.

    The agent registers once the application has started, and signs off when it ends.
    """
    try:
        settings = WorkerSettings.from_environment(worker_type=worker_type)
    except SettingError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    torch_check.require()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s %(message)s")
    agent = Agent(settings, Backend(settings.api_url), torch_check.capabilities(), work)
    return application(agent)


def application(agent: Agent) -> FastAPI:
    """Create the routes for an agent."""
    began = time.monotonic()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        agent.start()
        try:
            yield
        finally:
            await run_in_threadpool(agent.stop)

    app = FastAPI(
        title="ktrdr worker",
        version=version(),
        lifespan=lifespan,
        telemetry=NO_TELEMETRY,
        docs_url=None,  # both pages load scripts from other hosts
        redoc_url=None,
    )
    app.state.agent = agent
    app.add_middleware(AnswerHead)

    @app.get("/health")
    def health() -> JSONResponse:
        """Answer 200 with status "ok", or 503 with the reason when this worker cannot work."""
        problem = agent.problem()
        job = agent.job
        body: dict[str, Any] = {
            "status": "unavailable" if problem else "ok",
            "worker_id": agent.settings.worker_id,
            "worker_type": agent.settings.worker_type,
            "current_operation": job.operation_id if job else None,
            "registered": agent.registered,
            "version": version(),
            "uptime_s": round(time.monotonic() - began, 3),
        }
        if problem:
            body["reason"] = problem
        return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK)

    @app.get("/metrics")
    def metrics() -> Response:
        """Return the worker's figures in Prometheus' text format."""
        return Response(_figures(agent, time.monotonic() - began), media_type=CONTENT_TYPE)

    return app


def _figures(agent: Agent, uptime: float) -> str:
    about = {"version": version(), "worker_type": agent.settings.worker_type}
    lines = [
        *family("ktrdr_worker_info", "gauge", "The running version.", [(about, 1)]),
        *family("ktrdr_worker_uptime_seconds", "gauge", "Seconds since the start.", [({}, uptime)]),
        *family("ktrdr_worker_registered", "gauge", "1 when registered.", [({}, int(agent.registered))]),
        *family("ktrdr_worker_busy", "gauge", "1 while an operation runs.", [({}, int(agent.job is not None))]),
        *family("ktrdr_worker_operations_total", "counter", "Operations ended.", [({}, agent.finished)]),
    ]
    return text(lines)
