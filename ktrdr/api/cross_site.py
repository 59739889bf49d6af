"""Keeps pages of other sites, open in the same browser, from changing or reading anything here.

A browser names a request's origin in Sec-Fetch-Site (Fetch Metadata, W3C), but only to https and loopback addresses. It
names it in Origin (RFC 6454) to any address. Other clients send neither header.
If a page's own name was made to resolve to this server (DNS rebinding), the origin is the same. Host shows that name.
"""

import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.api.errors import answer

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"same-origin", "none"})
BY_ANY_NAME: Final = frozenset({"/api/v1/health", "/metrics"})
"""What monitors ask for, by whatever name they know this server."""
ON_EVERY_ANSWER: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


class RefuseCrossSite:
    """Refuses what a page of another origin asks for, and what is asked for by a foreign name."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = None if scope["path"] in BY_ANY_NAME else self._refusal(scope["method"], Headers(scope=scope))
        app = answer(HTTPStatus.FORBIDDEN, *refusal) if refusal else self.app

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ON_EVERY_ANSWER.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> tuple[str, str] | None:
        """Return code and message of a refusal, or None."""
        site, host, origin = headers.get("sec-fetch-site", "none"), headers.get("host", ""), headers.get("origin")
        if site not in OWN and method not in READING:
            return "cross_site", f"A page of another origin ({site[:20]}) may not change anything here."
        if origin is not None and not self._is_own_origin(origin, host):
            message = f"A page of another origin ({origin[:80]}) may ask for nothing here, by the name {host[:80]}."
            return "cross_site", message
        if not is_own(host, self.allowed_hosts):
            return "unknown_host", f"Nothing is here by the name {host[:80]}; add it to KTRDR_ALLOWED_HOSTS."
        return None

    def _is_own_origin(self, origin: str, host: str) -> bool:
        scheme, _, place = origin.lower().partition("://")
        port = ":" + DEFAULT_PORTS.get(scheme, "")
        own = place.removesuffix(port) == host.lower().removesuffix(port)
        allowed = re.sub(r":[0-9]+$", "", place) in self.allowed_hosts
        return scheme in DEFAULT_PORTS and (own or allowed)


def is_own(host: str, allowed_hosts: frozenset[str]) -> bool:
    """Return whether a Host header is an address, an allowed name, or a name without a dot, which no stranger can own.

    A name that ends in a number is an IPv4 address to every browser (URL Standard, WHATWG).
    """
    name = host.partition(":")[0].rstrip(".").lower()
    last = name.rpartition(".")[2]
    return host.startswith("[") or "." not in name or (last.isascii() and last.isdecimal()) or name in allowed_hosts
