"""Serves the page's files. They may load only each other, and send requests only to this backend."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

FOLDER: Final = Path(__file__).parent / "static"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def install(app: FastAPI) -> None:
    """Add the page at `/`, the API's documentation at `/docs`, and their files below `/page`."""
    app.add_route("/", _index, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_route("/docs", _docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/page", _Files(directory=FOLDER, check_dir=False))


async def _index(_request: Request) -> Response:
    return FileResponse(FOLDER / "index.html", headers=dict(HEADERS))


async def _docs(_request: Request) -> Response:
    return FileResponse(FOLDER / "docs.html", headers=dict(HEADERS))


class _Files(StaticFiles):
    """Files with an ETag of their content: Starlette's is made of time and size, and an image's files have one time."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Any, status_code: int = 200) -> Response:
        tag = hashlib.sha256(Path(full_path).read_bytes()).hexdigest()
        response: Response = FileResponse(full_path, status_code, {"ETag": f'"{tag}"'}, stat_result=stat_result)
        del response.headers["last-modified"]
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            response = NotModifiedResponse(response.headers)
        response.headers.update(HEADERS)
        return response
