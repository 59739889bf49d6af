"""What an API answers that its OpenAPI document does not name, and how a client comes: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import asyncio
import re
import time
import urllib.parse

from verify.probes.calls import BODY_AT_MOST

REQUEST_SECONDS = 10.0
UNLISTED_SECONDS = 40.0  # for all requests that no document names
BOTH = {"GET", "POST"}  # what a class or an application of its own may answer, where it does not say


def every_route(app, prefix=""):
    """Yield method and path of every route, those of mounts and frontends too, as an OpenAPI document writes them.

    The method of a WebSocket is WEBSOCKET, that of what serves all below a path is MOUNT as well as what it answers.
    FastAPI keeps a router that was included as one route with contexts.
    """
    for one in getattr(app, "routes", None) or ():
        contexts = getattr(one, "effective_route_contexts", None)
        for context in contexts() if contexts else [one]:
            route = getattr(context, "starlette_route", None) or context
            path = prefix + re.sub(r":\w+\}", "}", getattr(route, "path", None) or "")
            methods = getattr(route, "methods", None) or BOTH
            if type(route).__name__ in ("Mount", "Host"):
                yield "MOUNT", path
                inside = list(every_route(getattr(route, "_base_app", getattr(route, "app", None)), path))
                yield from inside or ((method, f"{path}/") for method in sorted(BOTH))
            elif "WebSocket" in type(route).__name__:
                yield "WEBSOCKET", path
            else:
                yield from ((method, path) for method in sorted(methods - {"HEAD"} or methods))
    for path in frontends(getattr(app, "router", app)):
        yield "MOUNT", prefix + path
        yield from (("GET", f"{prefix}{path}/{rest}") for rest in ("", "{path}"))


def frontends(router):
    """Yield the paths below which a router serves files where no route of its own matches (FastAPI's frontends)."""
    later = getattr(router, "_iter_low_priority_routes", None)
    for one in later() if later else ():
        group = getattr(one, "original_route", one)
        for route in getattr(group, "routes", ()):
            yield f"{getattr(one, 'frontend_prefix', '')}{route.path}".rstrip("/")


def scope_of(kind, path, state, headers=None, **more):
    """Return what a server tells an application of a client (ASGI)."""
    path, _, query = path.partition("?")
    sent = {"Host": "127.0.0.1", "Content-Type": "application/json", **(headers or {})}
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in sent.items()]
    return {
        "type": kind, "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "path": urllib.parse.unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "state": dict(state), **more,
    }  # fmt: skip


async def request(app, method, path, state, *, body=None, headers=None):
    """Send one request over ASGI, without a network; returns status, content type and body."""
    sent, answer = False, {"status": 0, "kind": "", "body": b""}

    async def receive():
        nonlocal sent
        if sent:
            await asyncio.sleep(REQUEST_SECONDS)
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            kinds = [value for name, value in message.get("headers", []) if name.lower() == b"content-type"]
            answer["kind"] = b"".join(kinds[:1]).decode("latin-1")
        elif message["type"] == "http.response.body" and len(answer["body"]) < BODY_AT_MOST:
            answer["body"] += message.get("body", b"")

    scope = scope_of("http", path, state, headers, method=method, scheme="http")
    try:
        await asyncio.wait_for(app(scope, receive, send), REQUEST_SECONDS)
    except BaseException as error:
        return {"status": 500, "kind": "", "body": f"{type(error).__name__}: {error}"[:2000]}
    return {**answer, "body": answer["body"][:BODY_AT_MOST].decode("utf-8", "replace")}


async def converse(app, path, state):
    """Open a WebSocket over ASGI, say one thing and leave; what it answers is nobody's."""
    said = iter((
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "{}"},
        {"type": "websocket.disconnect", "code": 1000},
    ))  # fmt: skip

    async def receive():
        message = next(said, None)
        if message is None:
            await asyncio.sleep(REQUEST_SECONDS)
        return message or {"type": "websocket.disconnect", "code": 1000}

    async def send(_):
        return None

    scope = scope_of("websocket", path, state, scheme="ws", subprotocols=[])
    try:
        await asyncio.wait_for(app(scope, receive, send), REQUEST_SECONDS)
    except BaseException:
        return


async def ask_unlisted(app, listed, state):
    """Ask for all that the application answers beside what was ``listed``, with a number for each parameter.

    Returns the statuses by method and path, and what there was no time for.
    """
    answers, unasked, end = {}, [], time.monotonic() + UNLISTED_SECONDS
    served = dict.fromkeys(one for one in every_route(app) if one[0] != "MOUNT")
    for method, route in (one for one in served if one not in listed):
        path = re.sub(r"\{[^}]*\}", "1", route)
        if time.monotonic() > end:
            unasked.append(f"{method} {path}")
        elif method == "WEBSOCKET":
            await converse(app, path, state)
        else:
            answers[f"{method} {path}"] = (await request(app, method, path, state))["status"]
    return answers, unasked
