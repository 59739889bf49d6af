#!/bin/sh
# Schemathesis passes an API whose every answer to it is 404.
# Versions: schemathesis 4.32.5, fastapi 0.165.0, uvicorn 0.54.0
# Expected: A run in which no request got past "no such item" tested nothing, and does not end with 0.
# Happens: It prints "N generated, N passed", a warning, and ends with 0. A job that looks at exit codes is green.
#   By its help, warnings.fail-on in the configuration file makes the warning count.
# Seen:
#   Missing test data: 1 operation repeatedly returned 404 responses
#   test cases: N generated, N passed
#   ends with 0
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile schemathesis==4.32.5 fastapi==0.165.0 uvicorn==0.54.0
}; then
    echo "not available: these packages by pip"
    exit 77
fi
cd "$place"
cat >served.py <<'END'
from fastapi import FastAPI, HTTPException

application = FastAPI()


@application.get("/items/{number}", responses={404: {"description": "no such item"}})
def item(number: int) -> int:
    raise HTTPException(404)
END
"$place/env/bin/python" - <<'END'
import os, re, subprocess, sys, threading
import uvicorn
from served import application


class Server(uvicorn.Server):
    """Tells when it listens."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        listening.set()


listening = threading.Event()
server = Server(uvicorn.Config(application, port=0, log_level="critical"))
thread = threading.Thread(target=server.run)
thread.start()
listening.wait(20)
port = server.servers[0].sockets[0].getsockname()[1]
command = [os.path.join(sys.prefix, "bin", "schemathesis"), "run", f"http://127.0.0.1:{port}/openapi.json"]
done = subprocess.run([*command, "--max-examples", "10", "--no-color"], capture_output=True, text=True, timeout=100)
server.should_exit = True
thread.join()
warned = re.search(r"Missing test data: .* 404 responses", done.stdout)
passed = re.search(r"(\d+) generated, \1 passed", done.stdout)
if warned and passed:
    print(warned[0], "test cases: N generated, N passed", sep="\n")
else:
    print(done.stdout, done.stderr, sep="\n")
print("ends with", done.returncode)
sys.exit(done.returncode != 0 or not warned or not passed)
END
