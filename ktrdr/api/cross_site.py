"""Keeps pages of other sites, open in the same browser, from changing anything here.

A browser names a request's origin in Sec-Fetch-Site (Fetch Metadata, W3C); other clients send no such header.
If a page's own name was made to resolve to this server (DNS rebinding), the origin is the same. Host shows that name.
"""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr.api.errors import answer

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"same-origin", "none"})


class RefuseCrossSite:
    """Refuses a changing request that comes from a page of another origin, or that names a foreign host."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        app = self.app
        if scope["type"] == "http" and scope["method"] not in READING:
            headers = Headers(scope=scope)
            site, host = headers.get("sec-fetch-site", "none"), headers.get("host", "")
            if site not in OWN:
                message = f"A page of another origin ({site[:20]}) may not change anything here."
                app = answer(HTTPStatus.FORBIDDEN, "cross_site", message)
            elif not is_own(host, self.allowed_hosts):
                message = f"Nothing may be changed here by the name {host[:80]}; add it to KTRDR_ALLOWED_HOSTS."
                app = answer(HTTPStatus.FORBIDDEN, "unknown_host", message)
        await app(scope, receive, send)


def is_own(host: str, allowed_hosts: frozenset[str]) -> bool:
    """Return whether a Host header is an address, an allowed name, or a name without a dot, which no stranger can own.

    A name that ends in a number is an IPv4 address to every browser (URL Standard, WHATWG).
    """
    name = host.partition(":")[0].rstrip(".").lower()
    last = name.rpartition(".")[2]
    return host.startswith("[") or "." not in name or (last.isascii() and last.isdecimal()) or name in allowed_hosts
