"""What an API answers that its OpenAPI document does not name, and how a client comes: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import asyncio
import re
import urllib.parse

from verify.probes.calls import BODY_AT_MOST

REQUEST_SECONDS = 10.0  # for the head of one answer, and for what is done behind it
BODY_SECONDS = 3.0  # for its body, which may never end
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
    """Send one request over ASGI, without a network; returns status, content type and what comes of the body.

    The status is 0 where there is no answer within REQUEST_SECONDS.
    """
    answer, sent = {"status": 0, "kind": "", "body": b""}, iter([{"type": "http.request"}])
    head, whole, left = (asyncio.Event() for _ in range(3))

    async def receive():
        if message := next(sent, None):
            return {**message, "body": body or b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            kinds = [value for name, value in message.get("headers", []) if name.lower() == b"content-type"]
            answer["kind"] = b"".join(kinds[:1]).decode("latin-1")
            head.set()
        elif message["type"] == "http.response.body":
            answer["body"] += message.get("body", b"")[: BODY_AT_MOST - len(answer["body"])]
            if not message.get("more_body", False):
                whole.set()

    scope = scope_of("http", path, state, headers, method=method, scheme="http")
    task = asyncio.create_task(app(scope, receive, send))
    for event, seconds in ((head, REQUEST_SECONDS), (whole, BODY_SECONDS)):
        await until(event, task, seconds)
    if whole.is_set():
        await asyncio.wait({task}, timeout=REQUEST_SECONDS)  # what it does behind the answer
    if task.done() and (error := task.exception()):
        return {"status": 500, "kind": "", "body": f"{type(error).__name__}: {error}"[:2000]}
    left.set()
    await leave(task)
    return {**answer, "body": answer["body"].decode("utf-8", "replace")}


async def until(event, task, seconds):
    """Wait for an event, as long as the task goes on."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting, task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def leave(task):
    """Leave a task alone: after a second it is cancelled, and after another one not waited for any more."""
    for _ in range(2):
        if not task.done():
            await asyncio.wait({task}, timeout=1)
            task.cancel()
    if task.done() and not task.cancelled():
        task.exception()  # is nobody's


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
    task = asyncio.create_task(app(scope, receive, send))
    await asyncio.wait({task}, timeout=REQUEST_SECONDS)
    await leave(task)


def unlisted(app, listed):
    """Return method and path of all that the application answers beside what was ``listed``, 1 for each parameter."""
    served = dict.fromkeys(one for one in every_route(app) if one[0] != "MOUNT")
    return [(method, re.sub(r"\{[^}]*\}", "1", path)) for method, path in served if (method, path) not in listed]
