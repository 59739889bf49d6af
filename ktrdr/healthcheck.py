"""The HEALTHCHECK of the images: `python -m ktrdr.healthcheck URL` exits 0 only when the service says it is ok."""

import http.client
import json
import sys

TIMEOUT_S = 3.0
BODY_LIMIT = 4096
OK = 200


def check(url: str, timeout_s: float = TIMEOUT_S) -> tuple[bool, str]:
    """Ask `url` (http only) once; return whether it is healthy and the body or the reason."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if scheme != "http" or not host:
        return False, f"not an http URL: {url}"
    try:
        connection = http.client.HTTPConnection(host, timeout=timeout_s)
        connection.request("GET", "/" + path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(BODY_LIMIT).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return False, f"{url} does not answer: {error!r}"
    if response.status != OK:
        return False, f"{url} answered {response.status}: {body}"
    try:
        document = json.loads(body)
    except ValueError:
        return False, f"{url} answered no JSON: {body}"
    healthy = isinstance(document, dict) and document.get("status") == "ok"
    return healthy, body if healthy else f"{url} does not say that it is ok: {body}"


def main(arguments: list[str]) -> int:
    """Return 0 when healthy, 1 when not, 2 when called wrongly; print the reason for the engine's health log."""
    if len(arguments) != 1:
        print("usage: python -m ktrdr.healthcheck URL", file=sys.stderr)
        return 2
    healthy, message = check(arguments[0])
    print(message)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
