"""Answers every error as `{"success": false, "error": {code, message, details}}`, without internals."""

import logging
import secrets
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ktrdr.api.store.connection import FullError, StoreError
from ktrdr.disk import FULL
from ktrdr.errors import KtrdrError
from ktrdr.names import RULES

log = logging.getLogger(__name__)

JSON: Final = "application/json"
PROBLEMS_SHOWN: Final = 20
TEXT_SHOWN: Final = 300
NAME_SHOWN: Final = 40
RENAMED: Final = {413: "content_too_large"}
"""Codes by status, where RFC 9110 uses another name than Python 3.11."""


def install(app: FastAPI) -> None:
    """Answer every kind of error in the common shape."""
    for kind, handler in (
        (KtrdrError, _known),
        (HTTPException, _http),
        (RequestValidationError, _invalid),
        (ClientDisconnect, _gone),
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


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    code = RENAMED.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
    response = answer(error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """Return every method of the path. The framework names only those of the first matching route."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.match(request.scope["path"]):
            found |= route.methods
    if "GET" in found:
        found.add("HEAD")
    return ", ".join(sorted(found))


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    if any(isinstance(problem["input"], bytes) for problem in error.errors()):  # a body that was not read as JSON
        return _no_json(request.headers.get("content-type", ""))
    problems = [
        {"where": _shown(".".join(str(part) for part in problem["loc"])), "message": _shown(_words(problem))}
        for problem in error.errors()[:PROBLEMS_SHOWN]
    ]
    message = f"{problems[0]['where']}: {problems[0]['message']}"
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", message, {"problems": problems})


def _words(problem: dict[str, Any]) -> str:
    """Return a mistake in words, also where the validator has only a pattern."""
    rule = RULES.get(problem.get("ctx", {}).get("pattern", ""))
    return f"{str(problem['input'])[:NAME_SHOWN]!r} cannot be used; {rule}" if rule else str(problem["msg"])


def _no_json(given: str) -> JSONResponse:
    sent = f"has the content type {_shown(given)}" if given else "has no content type"
    message = f"The body {sent}; send JSON: curl -H 'Content-Type: {JSON}' -d '{{…}}' (curl -d alone sends a form)."
    details = {"content_type": _shown(given), "expected": JSON}
    return answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message, details)


def _shown(text: str) -> str:
    """Return a client's text, shortened and encodable as UTF-8."""
    return text[:TEXT_SHOWN].encode(errors="replace").decode()


async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client has gone


async def _store(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, FullError) or (isinstance(error, OSError) and error.errno in FULL):
        log.error("disk full: %s", error)
        message = "Disk full: nothing was stored; make room where the backend's data lie, then try again."
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, "disk_full", message)
    message = f"The store is unavailable; the log gives the reason under {_logged('store error', error)}."
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", message)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    message = f"An internal error occurred; the log describes it under {_logged('unexpected error', error)}."
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)


def _logged(what: str, error: Exception) -> str:
    """Log an error; return the reference under which the log has it."""
    reference = secrets.token_hex(4)
    log.error("%s %s", what, reference, exc_info=error)
    return reference
