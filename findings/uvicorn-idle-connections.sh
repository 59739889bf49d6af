#!/bin/sh
# uvicorn's limit_concurrency counts idle connections, and the one that asks.
# Versions: uvicorn 0.54.0
# Expected: limit_concurrency=1 serves one request at a time; a client that asked and keeps its connection open
#   takes no place.
# Happens: With 1 every request is answered 503, on an idle server. With 2, one idle keep-alive connection (a
#   proxy's, a monitor's) keeps everybody else out.
# Seen:
#   limit 1: [503, 503]
#   limit 2: [200, 503]
#   limit 3: [200, 200]
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile uvicorn==0.54.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - <<'END'
import http.client, sys, threading
import uvicorn


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


class Server(uvicorn.Server):
    """Tells when it listens, and on which port."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        listening.set()


seen = {}
for limit in (1, 2, 3):
    listening = threading.Event()
    config = uvicorn.Config(application, port=0, limit_concurrency=limit, lifespan="off", log_level="error")
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    listening.wait(20)
    port = server.servers[0].sockets[0].getsockname()[1]
    seen[limit], kept = [], []
    for _ in range(2):  # one after the other; the first connection stays open and idle
        kept.append(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
        kept[-1].request("GET", "/")
        answer = kept[-1].getresponse()
        answer.read()
        seen[limit].append(answer.status)
    for connection in kept:
        connection.close()
    server.should_exit = True
    thread.join()
    print(f"limit {limit}: {seen[limit]}")
sys.exit(seen != {1: [503, 503], 2: [200, 503], 3: [200, 200]})
END
