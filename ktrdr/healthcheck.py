"""The HEALTHCHECK of the images: `python -m ktrdr.healthcheck URL` exits 0 only if the service reports "ok".

Why not urllib or http.client: they take three times as long to import as all the rest takes to run, at every check. So
it speaks HTTP/1.0 (RFC 1945) over a socket.
"""

import json
import socket
import sys

TIMEOUT_S = 3.0
ANSWER_LIMIT = 8192
OK = b"200"


def check(url: str, timeout_s: float = TIMEOUT_S) -> tuple[bool, str]:
    """Ask `url` (http only) once; return whether it is healthy and the body or the reason."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    name, _, port = host.partition(":")
    if scheme != "http" or not name or not (port or "80").isdigit():
        return False, f"not an http URL: {url}"
    request = f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()
    answer = b""
    try:
        with socket.create_connection((name, int(port or "80")), timeout_s) as connection:
            connection.sendall(request)
            while len(answer) < ANSWER_LIMIT and (block := connection.recv(ANSWER_LIMIT)):
                answer += block
    except (OSError, OverflowError) as error:
        return False, f"{url} does not answer: {error!r}"
    head, _, rest_of_it = answer.partition(b"\r\n\r\n")
    body = rest_of_it.decode("utf-8", "replace")
    status = head.split(b"\r\n", 1)[0].split(b" ")[1:2]
    if status != [OK]:
        return False, f"{url} answered {b''.join(status).decode('ascii', 'replace') or 'no HTTP'}: {body}"
    try:
        document = json.loads(body)
    except ValueError:
        return False, f"{url} answered no JSON: {body}"
    healthy = isinstance(document, dict) and document.get("status") == "ok"
    return healthy, body if healthy else f"{url} does not say that it is ok: {body}"


def main(arguments: list[str]) -> int:
    """Return 0 if healthy, 1 if not, 2 for a wrong call; print the reason for the engine's health log."""
    if len(arguments) != 1:
        print("usage: python -m ktrdr.healthcheck URL", file=sys.stderr)
        return 2
    healthy, message = check(arguments[0])
    print(message)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
