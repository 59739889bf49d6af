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
BUSY = (429, 500)  # a server that has no time says the first, or what is from the second on


def at_once(address, alone, document):
    """Return how many requests were sent side by side, and which of them were refused or not answered.

    ``alone``: method and path of requests that were sent alone, with the answer's status and digest.
    """
    where = urllib.parse.urlsplit(address)
    status = {key.split(" ", 1)[1]: int(value.split()[0]) for key, value in alone.items() if key.startswith("GET ")}
    paths = [where.path] * CLIENTS + sorted(path for path, one in status.items() if one and not refuses(one))
    told, end = [], time.monotonic() + AT_ONCE_SECONDS
    with contextlib.ExitStack() as stack:
        for part in slow_requests(where, document):
            stack.callback(slow_client(where, part).close)
        for at in range(0, len(paths), CLIENTS):
            told += side_by_side(where, paths[at : at + CLIENTS], end)
    refused = [f"GET {path}: {one}" for path, one in zip(paths, told, strict=True) if refuses(one)]
    return {"asked": len(told), "refused": refused[:10]}


def refuses(answer):
    """Tell whether an answer is a refusal: a status that says so, or what happened in place of an answer."""
    return not isinstance(answer, int) or answer == BUSY[0] or answer >= BUSY[1]


def side_by_side(where, paths, end):
    """Send all requests before any answer is read; return each answer's status, or what happened in place of it."""
    connections = [http.client.HTTPConnection(where.hostname, where.port or 80) for _ in paths]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
        troubles = [sent(connection, path, end) for connection, path in zip(connections, paths, strict=True)]
        return [trouble or status(connection, end) for connection, trouble in zip(connections, troubles, strict=True)]


def sent(connection, path, end):
    """Send a request; return what happened instead, "" where it was sent."""
    try:
        connection.timeout = left(end)
        connection.request("GET", path)
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
