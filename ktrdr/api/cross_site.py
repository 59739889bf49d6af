"""Keeps other sites' pages, open in the same browser, from changing anything here.

A browser says with Sec-Fetch-Site where a request comes from (Fetch Metadata, W3C); other clients send no such header.
To a page whose own name has been made to lead here (DNS rebinding) this is the same origin; its name in Host tells.
"""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ktrdr.api.errors import answer

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"same-origin", "none"})


class RefuseCrossSite:
    """Refuses what would change something and comes from a page of another origin, or to a name that is not ours."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless it is one of those."""
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
    """Tell whether a Host header is an address, a name without a dot, which no stranger can own, or an allowed one.

    A name that ends in a number is an IPv4 address to every browser (URL Standard, WHATWG).
    """
    name = host.partition(":")[0].rstrip(".").lower()
    last = name.rpartition(".")[2]
    return host.startswith("[") or "." not in name or (last.isascii() and last.isdecimal()) or name in allowed_hosts
