"""Every error as `{"success": false, "error": {code, message, details}}`, with nothing internal in it."""

import logging
import secrets
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ktrdr.api.store.connection import StoreError
from ktrdr.errors import KtrdrError

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer every kind of error in the one shape."""
    for kind, handler in (
        (KtrdrError, _known),
        (HTTPException, _http),
        (RequestValidationError, _invalid),
        (StoreError, _store),
        (OSError, _store),
        (Exception, _unexpected),
    ):
        app.exception_handler(kind)(handler)


def answer(status: int, code: str, message: str, details: dict[str, Any] | None = None) -> JSONResponse:
    """Return an error response."""
    error = {"code": code, "message": message, "details": details or {}}
    return JSONResponse({"success": False, "error": error}, status)


async def _known(_request: Request, error: KtrdrError) -> JSONResponse:
    return answer(error.status, error.code, error.message, error.details)


async def _http(_request: Request, error: HTTPException) -> JSONResponse:
    code = HTTPStatus(error.status_code).name.lower()
    response = answer(error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    problems = [
        {"where": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
        for problem in error.errors()[:20]
    ]
    message = f"{problems[0]['where']}: {problems[0]['message']}"
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message, {"problems": problems})


async def _store(_request: Request, error: Exception) -> JSONResponse:
    reference = secrets.token_hex(4)
    log.error("store error %s", reference, exc_info=error)
    message = f"The store cannot be used at the moment; the log has the reason under {reference}."
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", message)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    reference = secrets.token_hex(4)
    log.error("unexpected error %s", reference, exc_info=error)
    message = f"Something went wrong inside; the log has it under {reference}."
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)
