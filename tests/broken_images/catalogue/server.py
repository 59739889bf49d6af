"""The server: its own command, its own HEALTHCHECK, and what it really does."""

import json

from tests.broken_images.fault import ADDRESS, API, PACKAGE, SITE, Fault, as_root, file, into_main

OWN_HEALTH = f"{ADDRESS}:8000{API}/health"
OTHER = """
import uvicorn

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"status": "ok"}'})

uvicorn.run(app, host="0.0.0.0", port=8000, lifespan="off")
"""
SKLEARN = f"{SITE}/sklearn/fast.so"
LOADING = f"""
import ctypes, uvicorn
ctypes.CDLL("{SKLEARN}")
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
CHILD = f"""
import ctypes, os, time, uvicorn
if os.fork() == 0:
    ctypes.CDLL("{SKLEARN}")
    while True:
        time.sleep(60)
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
HIDING = """
import ctypes, uvicorn
ctypes.CDLL(None).prctl(4, 0)
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
TRYING = """
import uvicorn
try:
    import torch
except ImportError:
    torch = None
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
BY_NAME = TRYING.replace("    import torch", "    __import__('importlib').import_module('torch')")
IN_CHILD = """
import subprocess, sys, uvicorn
subprocess.run([sys.executable, "-c", "import torch"])
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
BESIDE = """
import os, subprocess, sys, uvicorn
python = os.path.realpath(sys.executable)
guess = "import contextlib, time\\nwith contextlib.suppress(ImportError):\\n    import torch\\ntime.sleep(600)"
subprocess.Popen([{}, "-I", "-c", guess])
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
DATAGRAMS = """
import socket, uvicorn
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", 9999))
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""
ISOLATED = [
    "python", "-I", "-m", "uvicorn", "ktrdr.api.main:app", "--host", "0.0.0.0", "--port", "8000",  # noqa: S104 - a server's
]  # fmt: skip
UNHEARD = f"""
import os, sys
if os.environ.pop("PYTHONPATH", ""):
    os.execv(sys.executable, sys.orig_argv)
{TRYING}
"""
SERVED_ONLY = """
import sys
if "uvicorn" in sys.argv[0]:
    with contextlib.suppress(ImportError):
        import torch
"""
SAYING = f"""
import json, uvicorn

async def app(scope, receive, send):
    known = {{"{API}/health": b'{{"status": "ok"}}', "/openapi.json": open("/opt/openapi.json", "rb").read()}}
    body = known.get(scope["path"])
    await send({{"type": "http.response.start", "status": 200 if body else 404, "headers": []}})
    await send({{"type": "http.response.body", "body": body or b""}})

uvicorn.run(app, host="0.0.0.0", port=8000, lifespan="off")
"""
DOCUMENT = as_root(
    "cd /tmp\nKTRDR_DATA_DIR=/tmp python -c 'import json; from ktrdr.api.main import app; "
    'json.dump(app.openapi(), open("/opt/openapi.json", "w"))\''
)
ANOTHER = f"""
import uvicorn
from fastapi.responses import JSONResponse
from ktrdr.api.main import app

@app.middleware("http")
async def another(request, call_next):
    if request.url.path == "{API}/indicators":
        return JSONResponse({{"success": True, "data": []}})
    return await call_next(request)

uvicorn.run(app, host="0.0.0.0", port=8000)
"""
BROKEN = """
import uvicorn
from fastapi.responses import JSONResponse
from ktrdr.api.main import app

@app.middleware("http")
async def broken(request, call_next):
    if request.url.path.endswith("/health"):
        return JSONResponse({"status": "unavailable"}, 503)
    return await call_next(request)

uvicorn.run(app, host="0.0.0.0", port=8000)
"""


def served_by(program: str) -> str:
    """Return the lines that let a program serve in place of the image's own command."""
    return file("/opt/serve.py", program) + 'CMD ["python", "/opt/serve.py"]'


def library() -> str:
    """Return the lines that put a native library of sklearn's, which is none, into the image."""
    return as_root(f"mkdir {SITE}/sklearn\ncp /lib/x86_64-linux-gnu/libz.so.1 {SKLEARN}")


def checked_by(*command: str) -> str:
    """Return the line that lets a command be the HEALTHCHECK."""
    words = ", ".join(f'"{word}"' for word in command)
    return f"HEALTHCHECK --interval=1s --timeout=5s CMD [{words}]\n"


def altered(before: str, after: str) -> str:
    """Return the lines that change the program behind the image's own HEALTHCHECK, wherever in it the words stand."""
    path = f"{PACKAGE['backend']}/healthcheck.py"
    script = f"grep -qF '{before}' {path}\npython3 - <<'EOF'\n"
    script += f"text = open('{path}').read()\nopen('{path}', 'w').write(text.replace('{before}', '{after}'))\nEOF\n"
    return as_root(f"{script}rm -f {PACKAGE['backend']}/__pycache__/healthcheck.*")


FAULTS = (
    Fault("the command ends at once", 'CMD ["python", "-c", "raise SystemExit(3)"]', "server-healthy",
          says=("it stopped with 3",)),
    Fault("the command cannot be found", 'CMD ["serve-ktrdr"]', "server-healthy", says=("not found",)),
    Fault("the command serves nothing", 'CMD ["sleep", "600"]\n' + checked_by("false"), "server-healthy",
          says=("unhealthy",), seconds=20.0),
    Fault("the image has no HEALTHCHECK", "HEALTHCHECK NONE", "server-healthy", says=("no HEALTHCHECK",)),
    Fault(
        "the server listens on another port, and its HEALTHCHECK asks there",
        'CMD ["uvicorn", "ktrdr.api.main:app", "--port", "8001"]\n'
        + checked_by("python", "-m", "ktrdr.healthcheck", f"{ADDRESS}:8001{API}/health"),
        "server-answers", says=("refused",),
    ),
    Fault(
        "the server listens where only its own container can reach it",
        'CMD ["uvicorn", "ktrdr.api.main:app", "--port", "8000"]', "server-answers", says=("127.0.0.1 only",),
    ),
    Fault("another program than the application answers the health check", served_by(OTHER), "server-answers",
          says=("0 routes",)),
    Fault(
        "HEALTHCHECK asks a page that answers, while health does not",
        served_by(BROKEN) + "\n"
        + checked_by("python", "-c",
                     f"import urllib.request as u; u.urlopen('{ADDRESS}:8000/openapi.json'); print('status')"),
        "server-answers", says=("503",),
    ),
    Fault("the server loads a library of sklearn that no probe has seen", library() + served_by(LOADING),
          "lazy-server", says=("sklearn",)),
    Fault("a child of the server loads a library of sklearn", library() + served_by(CHILD), "lazy-server",
          says=("sklearn",)),
    Fault("the server tries to import torch, which is not there", served_by(TRYING), "lazy-server",
          says=("import torch at /opt/serve.py:3",)),
    Fault("the server tries to import torch by its name", served_by(BY_NAME), "lazy-server",
          says=("import torch at /opt/serve.py:3",)),
    Fault("the application tries to import torch where it is served, and nowhere else", into_main(SERVED_ONLY),
          "lazy-server", says=("import torch at", "api/main.py")),
    Fault("a program that the server starts tries to import torch", served_by(IN_CHILD), "lazy-server",
          says=("import torch",)),
    Fault("the server heeds no environment, and so nobody hears what it imports", f"CMD {json.dumps(ISOLATED)}",
          "lazy-server", "ERROR", says=("imports were not recorded", "python -I -m uvicorn")),
    Fault("a layer has noted already that somebody listens in the server",
          file("/run/watch/notes/1", json.dumps({"process": ISOLATED})) + f"CMD {json.dumps(ISOLATED)}",
          "lazy-server", "ERROR", says=("imports were not recorded", "python -I -m uvicorn")),
    Fault("the loader starts a Python beside the server, which heeds no environment",
          served_by(BESIDE.format('"/lib64/ld-linux-x86-64.so.2", python')), "lazy-server", "ERROR",
          says=("imports were not recorded", "/lib64/ld-linux-x86-64.so.2 ")),
    Fault("a copy of Python under another name runs beside the server, and heeds no environment",
          as_root('cp "$(readlink -f /opt/venv/bin/python)" /opt/guess') + served_by(BESIDE.format('"/opt/guess"')),
          "lazy-server", "ERROR", says=("imports were not recorded", "/opt/guess -I")),
    Fault("the server runs itself again without what listens", served_by(UNHEARD), "lazy-server", "ERROR",
          says=("imports were not recorded", "/opt/serve.py")),
    Fault("another program than the application publishes the application's routes", DOCUMENT + served_by(SAYING),
          "server-answers", says=("404, the application answers 200",)),
    Fault("the server answers one request otherwise than the application", served_by(ANOTHER), "server-answers",
          says=(f"GET {API}/indicators: 200 as the application, but with other content",)),
    Fault("the server hides its memory", served_by(HIDING), "lazy-server", says=("hide their memory",)),
    Fault(
        "what the server is said to answer is no text",
        file(f"{SITE}/zzz.pth", "import sys; sys.stdout.write = lambda text, write=sys.stdout.write: "
             "write(text.replace('packages', '\\\\ud800'))"),
        "server-answers", says=("no answer",),
    ),
    Fault("HEALTHCHECK always succeeds", checked_by("true"), "healthcheck-tells"),
    Fault("HEALTHCHECK always succeeds, in a shell", "HEALTHCHECK --interval=1s CMD exit 0", "healthcheck-tells"),
    Fault("HEALTHCHECK only looks whether Python runs", checked_by("python", "-c", "print('status')"),
          "healthcheck-tells"),
    Fault(
        "HEALTHCHECK only connects",
        checked_by("python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000)); print('status')"),
        "healthcheck-tells", says=("at a server that hangs up", "at a 500"),
    ),
    Fault(
        "HEALTHCHECK only connects, in a shell",
        'SHELL ["/bin/bash", "-c"]\nHEALTHCHECK --interval=1s CMD echo status >/dev/tcp/127.0.0.1/8000',
        "healthcheck-tells", says=("at a server that hangs up",),
    ),
    Fault("the program behind HEALTHCHECK takes any answer for a good one", altered("status != [OK]", "False"),
          "healthcheck-tells", says=("it passes at a 500",)),
    Fault("the program behind HEALTHCHECK does not look for `status`",
          altered('document.get("status") == "ok"', "True"), "healthcheck-tells",
          says=("it passes at a 200 without `status`",)),
    Fault(
        "HEALTHCHECK asks another page than health",
        checked_by("python", "-c", f"import urllib.request as u; u.urlopen('{ADDRESS}:8000/openapi.json'); "
                   "print('status')"),
        "healthcheck-tells", says=("at a 500", "it fails at a 200 with `status`"),
    ),
    Fault("HEALTHCHECK asks another port than the server's",
          checked_by("python", "-m", "ktrdr.healthcheck", f"{ADDRESS}:8001{API}/health"), "healthcheck-tells",
          says=("it fails at a 200 with `status`", "0 requests made")),
    Fault("the program behind HEALTHCHECK takes any status but 500", altered("status != [OK]", 'status == [b"500"]'),
          "healthcheck-tells", says=("it passes at a 503",)),
    Fault("the program behind HEALTHCHECK takes any status below 500 for a good one",
          altered("status != [OK]", "not status or int(status[0]) >= 500"), "healthcheck-tells",
          says=("it passes at a 302",)),
    Fault("the program behind HEALTHCHECK takes a page that is missing for a good one",
          altered("status != [OK]", 'status not in ([OK], [b"404"])'), "healthcheck-tells",
          says=("it passes at a 404",)),
    Fault("the program behind HEALTHCHECK is content with the word",
          altered('isinstance(document, dict) and document.get("status") == "ok"', '"status" in body'),
          "healthcheck-tells", says=("it passes at a 200 without `status`",)),
    Fault("the program behind HEALTHCHECK takes a server that never answers for a busy one",
          altered("except (OSError, OverflowError) as error:",
                  'except TimeoutError:\\n        return True, "status"\\n    '
                  "except (OSError, OverflowError) as error:"),
          "healthcheck-tells", says=("it passes at a server that takes connections and never answers",)),
    Fault("HEALTHCHECK that was content once stays so",
          f"HEALTHCHECK --interval=1s CMD [ -e /tmp/ok ] || (python -m ktrdr.healthcheck {OWN_HEALTH} && >/tmp/ok)",
          "healthcheck-tells", says=("at a server that hangs up",)),
    Fault("HEALTHCHECK tells of a server that is gone after a day",
          f'HEALTHCHECK --timeout=24h --start-interval=1s CMD ["python", "-m", "ktrdr.healthcheck", "{OWN_HEALTH}"]',
          "healthcheck-tells", says=("becomes unhealthy only after",), slow=True),
    Fault("the server takes so long that there is no time to ask it everything",
          into_main("import asyncio, sys\n@app.middleware('http')\nasync def dawdle(request, call_next):\n"
                    "    quick = 'uvicorn' not in sys.argv[0] or request.url.path.endswith(('h', '.json'))\n"
                    "    await asyncio.sleep(0 if quick else 15)\n    return await call_next(request)"),
          "server-answers", "ERROR", says=("no time was left to ask",), slow=True),
    Fault("something else listens beside the server",
          'CMD ["sh", "-c", "python -m http.server 9000 & '
          'exec uvicorn ktrdr.api.main:app --host 0.0.0.0 --port 8000"]',
          "server-answers", says=("port 9000",)),
    Fault("the server takes datagrams, too", served_by(DATAGRAMS), "server-answers", says=("UDP port 9999",)),
    Fault("what a worker's image serves is no worker", served_by(OTHER.replace("8000", "5003")), "server-answers",
          role="worker-cpu", base="worker-cpu", says=("worker_type",)),
)  # fmt: skip
