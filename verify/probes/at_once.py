"""Asks a server by several clients at once, some of them slow: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import contextlib
import http.client
import socket
import time
import urllib.parse

CLIENTS = 8  # requests that are sent before any answer is read
SLOW = 4  # clients that stay in the middle of a request meanwhile
AT_ONCE_SECONDS = 30.0  # for all of it
BUSY = (429, 503)  # what a server says that has no time
FAILED = 500  # and on
# Method, path, headers and body of a request, as calls_of makes them


def at_once(address, alone, calls, document):
    """Return how many requests were sent side by side, and which of them were refused or not answered.

    ``alone``: method and path of requests that were sent alone, with the answer's status and digest. ``calls``: those
    requests. What may change something is sent twice side by side, and may be told that the other one is at work.
    """
    where = urllib.parse.urlsplit(address)
    status = {key: int(value.split()[0]) for key, value in alone.items()}
    good = {key for key, one in status.items() if one and not refuses("GET", one)}
    requests = [("GET", where.path, {}, None)] * CLIENTS
    requests += [("GET", key[4:], {}, None) for key in sorted(good) if key.startswith("GET ")]
    requests += [one for one in calls if one[0] != "GET" and f"{one[0]} {one[1]}" in good for _ in range(2)]
    told, end = [], time.monotonic() + AT_ONCE_SECONDS
    with contextlib.ExitStack() as stack:
        for part in slow_requests(where, document):
            stack.callback(slow_client(where, part).close)
        for at in range(0, len(requests), CLIENTS):
            told += side_by_side(where, requests[at : at + CLIENTS], end)
    pairs = zip(requests, told, strict=True)
    refused = [f"{method} {path}: {one}" for (method, path, *_), one in pairs if refuses(method, one)]
    return {"asked": len(told), "refused": refused[:10]}


def refuses(method, answer):
    """Tell whether an answer is a refusal: a status that says so, or what happened in place of an answer."""
    if not isinstance(answer, int):
        return True
    return method == "GET" if answer in BUSY else answer >= FAILED


def side_by_side(where, requests, end):
    """Send all requests before any answer is read; return each answer's status, or what happened in place of it."""
    connections = [http.client.HTTPConnection(where.hostname, where.port or 80) for _ in requests]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
        troubles = [sent(connection, one, end) for connection, one in zip(connections, requests, strict=True)]
        return [trouble or status(connection, end) for connection, trouble in zip(connections, troubles, strict=True)]


def sent(connection, request, end):
    """Send a request; return what happened instead, "" where it was sent."""
    method, path, headers, body = request
    try:
        connection.timeout = left(end)
        connection.request(method, path, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def status(connection, end):
    """Return the status of an answer, of which only the head is read; what happened instead where there is none."""
    try:
        connection.sock.settimeout(left(end))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"


def left(end):
    """Return the seconds until then; a moment where there are none."""
    return max(0.2, end - time.monotonic())


def slow_requests(where, document):
    """Yield the beginnings of requests: half of a head, and a head with half of the body that it announces."""
    operations = ((path, one.get("post")) for path, one in document.get("paths", {}).items())
    path = next((path for path, post in operations if post and "requestBody" in post and "{" not in path), where.path)
    head = f"Host: {where.netloc}\r\nContent-Type: application/json\r\n"
    halves = (
        f"GET {where.path} HTTP/1.1\r\n{head}",
        f'POST {path} HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n{{"half": "',
    )
    for number in range(SLOW):
        yield halves[number % 2].encode()


def slow_client(where, part):
    """Return a connection on which only this part of a request was sent; an unconnected one where nobody takes it."""
    connection = socket.socket()
    with contextlib.suppress(OSError):
        connection.settimeout(2)
        connection.connect((where.hostname, where.port or 80))
        connection.sendall(part)
    return connection
