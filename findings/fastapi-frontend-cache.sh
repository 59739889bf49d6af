#!/bin/sh
# Behind an HTTP cache, FastAPI's app.frontend() gives programs the page where they should read 404.
# Versions: fastapi 0.165.0, CacheControl 0.14.4, requests 2.34.2, uvicorn 0.54.0
# Expected: A path that does not exist is the page for browsers and 404 in JSON for programs, behind a cache too: an
#   answer that depends on Accept says so with Vary.
# Happens: Neither answer has Vary or Cache-Control, and the page has the file's Last-Modified. RFC 9111 lets a cache
#   keep it for a part of its age. Once a browser was there, a program reads 200 and HTML. A middleware can add Vary.
# Seen:
#   no cache: 200 page, 404 {"detail":"Not Found"}
#   a cache: 200 page, 200 page
#   a cache, and Vary added: 200 page, 404 {"detail":"Not Found"}
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile \
            fastapi==0.165.0 CacheControl==0.14.4 requests==2.34.2 uvicorn==0.54.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
cd "$place"
mkdir dist && printf page >dist/index.html
touch -t 202511010000 dist/index.html
env/bin/python - <<'END'
import socket, sys, threading
import requests, uvicorn
from cachecontrol import CacheControl
from cachecontrol.heuristics import LastModified
from fastapi import FastAPI

ACCEPT = ("text/html", "application/json")  # a browser, then a program
VARY = "a cache, and Vary added"
app = FastAPI()
app.frontend("/", directory="dist")


@app.middleware("http")
async def add_vary(request, call_next):
    answer = await call_next(request)
    if request.url.path.startswith("/vary/"):
        answer.headers["Vary"] = "Accept"
    return answer


listener = socket.create_server(("127.0.0.1", 0))  # connections wait here until the server is ready
server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
url = "http://127.0.0.1:{}/".format(listener.getsockname()[1])
cache = CacheControl(requests.Session(), heuristic=LastModified())
seen = []
for kind, get, path in ("no cache", requests.get, "x"), ("a cache", cache.get, "x"), (VARY, cache.get, "vary/x"):
    answers = [get(url + path, headers={"Accept": kind}, timeout=10) for kind in ACCEPT]
    seen.append(", ".join(f"{answer.status_code} {answer.text}" for answer in answers))
    print(f"{kind}:", seen[-1])
sys.exit(seen != ['200 page, 404 {"detail":"Not Found"}', "200 page, 200 page", '200 page, 404 {"detail":"Not Found"}'])
END
