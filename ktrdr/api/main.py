"""The backend's application: `uvicorn ktrdr.api.main:app`."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api import access_log, errors
from ktrdr.api.bodies import LimitBodies
from ktrdr.api.budget import Budget
from ktrdr.api.context import Context
from ktrdr.api.cross_site import RefuseCrossSite
from ktrdr.api.documented import DocumentedApi
from ktrdr.api.page import serve
from ktrdr.api.routes import (
    backtests,
    catalogues,
    checkpoints,
    data,
    health,
    indicators,
    metrics,
    models,
    operations,
    records,
    strategies,
    trainings,
    workers,
)
from ktrdr.api.shared_secrets import RequireSecrets
from ktrdr.settings import Settings, version
from ktrdr.web import NO_TELEMETRY
from ktrdr.web.head import AnswerHead

log = logging.getLogger(__name__)

PREFIX: Final = "/api/v1"
TICK_S: Final = 1.0
WRONG_SETTING: Final = 2  # the exit code of every command


def create_application(settings: Settings | None = None) -> FastAPI:
    """Create the application; it touches no file before it starts. `settings` default to the environment's."""
    context = Context(settings or _settings())
    app = DocumentedApi(
        title="ktrdr",
        version=version(),
        lifespan=_lifespan,
        telemetry=NO_TELEMETRY,
        docs_url=None,  # both pages load scripts from other hosts
        redoc_url=None,
    )
    app.state.context = context
    app.add_middleware(AnswerHead)
    app.add_middleware(Budget)
    app.add_middleware(LimitBodies)
    app.add_middleware(RequireSecrets, workers=context.settings.worker_secret, clients=context.settings.client_secret)
    app.add_middleware(RefuseCrossSite, allowed_hosts=context.settings.allowed_hosts)
    app.add_middleware(CountRequests, context=context)
    errors.install(app)
    for module in (  # those that are asked most often come first: routes are tried one after another
        workers, health, operations, checkpoints, records, data, catalogues, indicators, strategies, models, trainings,
        backtests,
    ):  # fmt: skip
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(metrics.router)
    serve.install(app)
    return app


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except ValueError as error:  # one line in place of a traceback
        print(f"ktrdr: {error}", file=sys.stderr)
        sys.exit(WRONG_SETTING)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    access_log.install()
    context: Context = app.state.context
    if open_to := context.settings.open_to:
        log.warning("the network is trusted: without %s whoever reaches the port may be one", open_to)
    await run_in_threadpool(context.open)
    stopping = asyncio.Event()
    clock = asyncio.create_task(_run_clock(context, stopping))
    try:
        yield
    finally:
        stopping.set()
        await clock
        await run_in_threadpool(context.close)


async def _run_clock(context: Context, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), TICK_S)
        try:
            await run_in_threadpool(context.tick)
        except Exception:
            log.exception("tick failed; the next one comes in %.0f s", TICK_S)


class CountRequests:
    """Counts every answered request by the template of its route."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app = app
        self.context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        began = time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note)
        except asyncio.CancelledError:  # the server stops, and has waited long enough
            if not status:
                message = "The backend is being stopped; send the request again in a moment."
                await errors.answer(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", message)(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path_format", "none")
            self.context.metrics.add(scope["method"], route, status or 500, time.perf_counter() - began)


app = create_application()
