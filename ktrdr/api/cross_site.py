"""Keeps other sites' pages, open in the same browser, from changing anything here.

A browser says with Sec-Fetch-Site where a request comes from (Fetch Metadata, W3C); other clients send no such header.
"""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr.api.errors import answer

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"same-origin", "none"})


class RefuseCrossSite:
    """Refuses what would change something and comes from a page of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless it is one of those."""
        app = self.app
        if scope["type"] == "http" and scope["method"] not in READING:
            site = Headers(scope=scope).get("sec-fetch-site", "none")
            if site not in OWN:
                message = f"A page of another origin ({site[:20]}) may not change anything here."
                app = answer(HTTPStatus.FORBIDDEN, "cross_site", message)
        await app(scope, receive, send)
