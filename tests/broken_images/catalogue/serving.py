"""The server's conduct: over its limits, one client at a time, never at rest, deaf to the engine's stop, late."""

import json

from tests.broken_images.catalogue.configuration import ASK, SERVE
from tests.broken_images.catalogue.server import served_by
from tests.broken_images.catalogue.sources import CHANGED
from tests.broken_images.fault import API, Fault, good, into_main

LIMITS, AT_ONCE, AT_REST, STOPS = "server-limits", "server-at-once", "server-at-rest", "server-stops"
WORKER = "worker-cpu"


def indented(text: str) -> str:
    """Return lines of code one step further in."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def command(*words: str) -> str:
    """Return the line that sets a command."""
    return f"CMD {json.dumps(words)}"


def in_shell(script: str) -> str:
    """Return the line that lets a shell run a script as the command."""
    return command("sh", "-c", script)


def where_served(text: str) -> str:
    """Return the lines that add to the application where it is served, and nowhere else."""
    return into_main(f"import sys\nif 'uvicorn' in sys.argv[0]:\n{indented(text)}")


def in_thread(text: str) -> str:
    """Return the lines that let a thread of the server do something beside it."""
    return where_served(
        f"import os, subprocess, threading, time\ndef beside():\n    global threading, time\n{indented(text)}\n"
        "threading.Thread(target=beside, daemon=True).start()"
    )


def middleware(text: str, before: str = "") -> str:
    """Return the lines that put something around every request."""
    return into_main(f"import asyncio, os, subprocess\n{before}\n@app.middleware('http')\n"
                     f"async def around(request, call_next):\n{indented(text)}")  # fmt: skip


def checked_by(script: str) -> str:
    """Return the line that lets the image's own HEALTHCHECK leave something behind."""
    return f"HEALTHCHECK --interval=5s --start-interval=1s --start-period=30s CMD {script} {' '.join(ASK)}"


def at_end(statement: str) -> str:
    """Return the lines that let the application do something when it is stopped, where it is served."""
    return where_served(
        "import os, time\n_before = app.router.lifespan_context\n@contextlib.asynccontextmanager\n"
        f"async def _with_end(app):\n    async with _before(app):\n        yield\n    {statement}\n"
        "app.router.lifespan_context = _with_end"
    )


THREADS = """
import threading, time
for _number in range(300):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""
CONTENT_WITH_FEWER = THREADS.replace("    threading", "    with contextlib.suppress(RuntimeError):\n        threading")
FOR_A_WHILE = "import threading\nWAITING = threading.Event()" + CONTENT_WITH_FEWER.replace(
    "time.sleep, args=(600,)", "WAITING.wait"
)
FILES = "FILES = [open('/etc/passwd') for _number in range(5000)]"
ONE_BY_ONE = f"""
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "{API}/health" else 404)
        self.end_headers()
        self.wfile.write(b'{{"status": "ok"}}')

HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""

WRITING = f"""
from fastapi import Response
import sqlite3, threading, time
BOTH, TURN, NOTES = threading.Barrier(2), threading.Lock(), {{}}
@app.put("{API}/note", status_code=201)
def note(response: Response):
    try:
        BOTH.wait(2)  # whoever is alone goes on alone
    except threading.BrokenBarrierError:
        BOTH.reset()
"""
DATABASE = """
    with sqlite3.connect("/data/notes.db", timeout=0, isolation_level=None) as database:
        database.execute("begin exclusive")
        time.sleep(1)
        database.execute("commit")
"""
BY_NAME = """
    NOTES["part"] = time.monotonic()
    time.sleep(1)
    NOTES["whole"] = NOTES.pop("part")
"""
IN_TURN = """
    if not TURN.acquire(blocking=False):
        response.status_code = 503
        return "somebody else writes"
    time.sleep(1)
    TURN.release()
"""


def writing(body: str) -> str:
    """Return the lines that add an operation which changes something."""
    return into_main(WRITING + body)


OVER_LIMITS = (
    Fault("the server takes more memory from its import on than its container may have",
          where_served("hoard = b'x' * 700_000_000"), LIMITS, says=("memory limit", "512.0 MB"), seconds=60.0),
    Fault("the server takes more memory with every request", middleware(
        "hoard.append(b'x' * 60_000_000)\nreturn await call_next(request)", "hoard = []"),
          LIMITS, says=("OOMKilled", "512.0 MB"), seconds=60.0),
    Fault("the server cannot start as many threads as it wants", where_served(THREADS), "server-healthy",
          says=("it stopped with 1", "can't start new thread")),
    Fault("the server keeps all the threads that it is allowed, and wants more",
          in_thread(f"time.sleep(2)\n{CONTENT_WITH_FEWER}"), LIMITS, says=("256",)),
    Fault("the server had for a while more threads than it may", where_served(
        f"{FOR_A_WHILE}WAITING.set()\nwhile threading.active_count() > 5:\n    time.sleep(0.1)"), LIMITS,
          says=("was refused: 256 are allowed",)),
    Fault("the server had for a while more processes than it may", where_served(
        "import os\nreading, writing = os.pipe()\nfor _number in range(300):\n    with contextlib.suppress(OSError):\n"
        "        if os.fork() == 0:\n            os.close(writing)\n            os.read(reading, 1)\n"
        "            os._exit(0)\nos.close(writing)\nwith contextlib.suppress(ChildProcessError):\n    while True:\n"
        "        os.wait()"), LIMITS, says=("was refused: 256 are allowed",)),
    Fault("the server opens more files than it may", where_served(FILES), "server-healthy",
          says=("it stopped with 1", "Too many open files")),
    Fault("a shell lets a worker open few files", in_shell("ulimit -n 64; exec python -m ktrdr.worker"), LIMITS,
          role=WORKER, base=WORKER, says=("may open 64 files, not 4096",)),
)  # fmt: skip

ONE_AT_A_TIME = (
    Fault("the server refuses whoever comes third", command(*SERVE, "--limit-concurrency", "2"), AT_ONCE,
          says=(f"GET {API}/health: 503",)),
    Fault("the server serves one connection after the other", served_by(ONE_BY_ONE), AT_ONCE, says=("TimeoutError",),
          slow=True),
    Fault("one request waits for the body of another",
          middleware("async with LOCK:\n    return await call_next(request)", "LOCK = asyncio.Lock()"), AT_ONCE,
          says=("TimeoutError",), slow=True),
    Fault("a request breaks another one", middleware(
        "AT_WORK.append(1)\ntry:\n    await asyncio.sleep(0.05)\n    assert len(AT_WORK) == 1\n"
        "    return await call_next(request)\nfinally:\n    AT_WORK.pop()", "AT_WORK = []"), AT_ONCE,
          says=(f"GET {API}/health: 500",)),
    Fault("the database is locked for whoever writes at once", writing(DATABASE), AT_ONCE,
          says=(f"PUT {API}/note: 500",)),
    Fault("two who write at once write under one name", writing(BY_NAME), AT_ONCE, says=(f"PUT {API}/note: 500",)),
)  # fmt: skip

GOOD = (good("who writes is told that somebody else is at it", writing(IN_TURN), AT_ONCE, despite=CHANGED),)

RESTLESS = (
    Fault("a thread of the server computes without end", in_thread("while True:\n    pass"), AT_REST,
          says=(" of the time",)),
    Fault("a thread of the server asks without a pause whether there is work",
          in_thread("while not os.path.exists('/data/work'):\n    time.sleep(0)"), AT_REST,
          says=(" of the time",)),
    Fault("a process beside the server computes without end", in_shell(f"while :; do :; done & exec {' '.join(SERVE)}"),
          AT_REST, says=(" of the time",)),
    Fault("the server starts short programs without end", in_thread("while True:\n    subprocess.run(['true'])"),
          AT_REST, says=(" of the time",)),
    Fault("HEALTHCHECK leaves a process to nobody, which ends", checked_by("sleep 1 &"), AT_REST,
          says=("nobody waits for", "zombie sleep")),
    Fault("HEALTHCHECK leaves a process to nobody, which stays", checked_by("sleep 600 &"), AT_REST,
          says=("nobody waits for", "orphan sleep")),
    Fault("the server never waits for what it starts", where_served(
        "import subprocess\nCHILDREN = [subprocess.Popen(['true']) for _number in range(3)]"), AT_REST,
          says=("nobody waits for 3", "zombie true")),
    Fault("the server starts a process with every request, which stays", middleware(
        "CHILDREN.append(subprocess.Popen(['sleep', '600']))\nreturn await call_next(request)", "CHILDREN = []"),
          AT_REST, says=("processes more stay",)),
    Fault("the server keeps its data in /tmp", "ENV KTRDR_DATA_DIR=/tmp/data", AT_REST,
          says=("outside of /data", "/tmp/data/ktrdr.db")),
    Fault("the server keeps its data in memory", "ENV KTRDR_DATA_DIR=/dev/shm/data", AT_REST,
          says=("outside of /data", "/dev/shm/data/ktrdr.db")),
    Fault("the server keeps its database in /tmp", "ENV KTRDR_DATABASE_URL=sqlite:////tmp/ktrdr.db", AT_REST,
          says=("outside of /data", "/tmp/ktrdr.db")),
    Fault("a thread of the server writes a file in /tmp seconds after the start",
          in_thread("time.sleep(3)\nopen('/tmp/.cache', 'w').write('x')"), AT_REST, says=("/tmp/.cache",)),
    Fault("the server writes into a volume that the contract does not name", "VOLUME /home/ktrdr\n" + in_thread(
        "open('/home/ktrdr/.history', 'w').write('x')"), AT_REST, says=("/home/ktrdr/.history",)),
    Fault("what the server writes is everybody's to change, as a shell sets it",
          in_shell(f"umask 0; exec {' '.join(SERVE)}"), AT_REST, says=("make files that everybody may write",)),
    Fault("what the server writes is everybody's to change, as itself sets it", where_served("import os\nos.umask(0)"),
          AT_REST, says=("make files that everybody may write",)),
    Fault("the server opens its database to everybody", in_thread(
        "while not os.path.exists('/data/ktrdr.db'):\n    time.sleep(0.1)\nos.chmod('/data/ktrdr.db', 0o666)"),
          AT_REST, says=("everybody may write /data/ktrdr.db",)),
    Fault("the server's log is a file in the volume, and the engine has none",
          in_shell(f"exec {' '.join(SERVE)} >>/data/server.log 2>&1"), AT_REST, says=("log on the engine is empty",)),
    Fault("the server logs nothing", in_shell(f"exec {' '.join(SERVE)} >/dev/null 2>&1"), AT_REST,
          says=("log on the engine is empty",)),
    Fault("the server logs without end", in_thread("while True:\n    print('x' * 1000, flush=True)\n"
                                                   "    time.sleep(0.01)"), AT_REST, says=("log on the engine has",)),
    Fault("the server logs pages with every request",
          middleware("print('x' * 5000, flush=True)\nreturn await call_next(request)"), AT_REST,
          says=("log on the engine has",)),
)  # fmt: skip

DEAF = (
    Fault("the first process is a shell, which does not pass the engine's signal on",
          in_shell(f"{' '.join(SERVE)}; echo ended"), STOPS, says=("the engine killed it after", "SIGTERM")),
    Fault("the engine's signal is one that the server does not know", "STOPSIGNAL SIGUSR1", STOPS,
          says=("the engine killed it after", "SIGUSR1")),
    Fault("the engine stops a worker by the end of a terminal", "STOPSIGNAL SIGHUP", STOPS, role=WORKER, base=WORKER,
          says=("the engine killed it after", "SIGHUP")),
    Fault("the engine's signal leaves the server no time", "STOPSIGNAL SIGKILL", STOPS, says=("exit code 137",)),
    Fault("a shell starts the server again whenever it ends",
          in_shell(f"while true; do {' '.join(SERVE)}; sleep 1; done"), STOPS, says=("the engine killed it after",)),
    Fault("the server's end never comes", at_end("time.sleep(600)"), STOPS, says=("the engine killed it after",)),
    Fault("the server ends as if it had failed", at_end("os._exit(3)"), STOPS, says=("exit code 3",)),
    Fault("the server ends by itself after some requests", command(*SERVE, "--limit-max-requests", "20"), STOPS,
          says=("it ended by itself with 0",)),
    Fault("the server ends by itself some seconds after its start", in_thread("time.sleep(4)\nos._exit(0)"), STOPS,
          says=("it ended by itself with 0",)),
)  # fmt: skip

QUIETLY = "with contextlib.suppress(ImportError):\n    import torch"
LATE = (
    Fault("torch is imported four seconds after the server's start, in a thread",
          in_thread(f"time.sleep(4)\n{QUIETLY}"), "lazy-server", says=("import torch at", "beside")),
    Fault("torch is imported three seconds after a request", middleware(
        "asyncio.get_running_loop().call_later(3, late)\nreturn await call_next(request)",
        "import sys\ndef late():\n" + indented("if 'uvicorn' in sys.argv[0]:\n" + indented(QUIETLY))),
          "lazy-server", says=("import torch at", "late")),
    Fault("torch is imported when the server is stopped",
          into_main(f"def _guess():\n{indented(QUIETLY)}") + at_end("_guess()"), "lazy-server",
          says=("import torch at", "_guess")),
    Fault("the server sleeps first, and nobody has seen what it will import",
          "HEALTHCHECK NONE\n" + in_shell(f"sleep 600; exec {' '.join(SERVE)}"), "lazy-server", "ERROR", "ENVIRONMENT",
          says=("had not answered",)),
)  # fmt: skip

FAULTS = (*OVER_LIMITS, *ONE_AT_A_TIME, *RESTLESS, *DEAF, *LATE)
