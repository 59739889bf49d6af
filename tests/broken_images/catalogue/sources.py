"""A source of evidence is missing, or an operation is deadly: what others prove is found, and nothing else is lost."""

from tests.broken_images.fault import API, SITE, Fault, as_root, file, into_main, package

# What fails because a file of the application was changed
CHANGED = ("lock-parity", "checkout-parity", "python-unaltered", "size-growth")
SERVER = ("server-*", "lazy-server")
# A program in place of Python, at which every probe is lost
MUTE = as_root("rm /opt/venv/bin/python") + file("/opt/venv/bin/python", "#!/bin/sh\nexit {}", "755")


# A start-up, and a shutdown, that do something else beside
NEVER = """
import time
_before = app.router.lifespan_context
@contextlib.asynccontextmanager
async def _never(app):
    {}
    async with _before(app):
        yield
    {}
app.router.lifespan_context = _never
"""


def entered(what: str, words: str, *, slow: bool = False) -> Fault:
    """Return the fault of an entry point, which costs the server, and no probe."""
    return Fault(what, f"ENTRYPOINT {words}", "configuration", says=(f"ENTRYPOINT {words}",), despite=SERVER, slow=slow)


def encoded(what: str, **variables: str) -> Fault:
    """Return the fault of variables by which Python reads and prints in another encoding, which costs no probe."""
    lines = "\n".join(f"ENV {name}={value}" for name, value in variables.items())
    says = tuple(f"ENV {name}={value}" for name, value in variables.items())
    # The engine, too, has what HEALTHCHECK prints
    return Fault(what, lines, "configuration", says=says, despite=("server-healthy",))


def deadly(what: str, statement: str, how: str, *, kind: str = "def", slow: bool = False) -> Fault:
    """Return the fault of an operation that does something deadly, to the probe and to the server."""
    text = f"import ctypes, os, signal, sys, time\n@app.get('{API}/deadly')\n{kind} deadly():\n    {statement}"
    return Fault(what, into_main(text), "api-answers", says=(f"GET {API}/deadly: {how}",), slow=slow,
                 despite=(*CHANGED, *SERVER))  # fmt: skip


ENTRY_POINTS = (
    entered("the entry point swallows what it is given, and ends well", '["/bin/true"]'),
    entered("the entry point answers with a document that was made before",
            '["echo", "{\\"schema\\": 1, \\"nonce\\": \\"0123\\", \\"results\\": {}}"]'),
    entered("the entry point swallows what it is given, and serves",
            '["sh", "-c", "exec uvicorn ktrdr.api.main:app"]', slow=True),
    entered("the entry point takes what it is given for its options", '["uvicorn"]'),
    entered("the entry point sleeps before it does what it is given", '["sh", "-c", "sleep 600; exec \\"$@\\"", "x"]',
            slow=True),
)  # fmt: skip

ENCODINGS = (
    encoded("Python reads and prints in ASCII", PYTHONUTF8="0", LC_ALL="POSIX"),
    encoded("Python prints in ASCII", PYTHONIOENCODING="ascii"),
    encoded("Python prints in UTF-16", PYTHONIOENCODING="utf-16"),
    encoded("Python reads and prints in ASCII, by every variable",
            PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LANG="C", LC_CTYPE="C"),
)  # fmt: skip

# What layers and configuration prove stands, although every probe is missing
UNPROBED = (
    Fault("python is a program that swallows what it is given, and ends well", MUTE.format(0), "interpreter",
          says=("/opt/venv/bin/python does not come from the base image",)),
    Fault("python is a program that does not like what it is given, and a setuid file lies in the image",
          MUTE.format(2) + as_root("cp /usr/bin/env /opt/run\nchmod 4755 /opt/run"), "user", says=("/opt/run",)),
    Fault("python is a program that does not like what it is given, and the user is root",
          MUTE.format(1) + "USER 0:0", "user", says=("USER is root",)),
    Fault("python is a program that swallows what it is given, and a start-up file lies in the image",
          MUTE.format(0) + file(f"{SITE}/zzz.pth", "import sys"), "python-unaltered", says=("zzz.pth",)),
    Fault("python is a program that swallows what it is given, and torch lies in the image",
          MUTE.format(0) + package("torch"), "torch", says=("in the layers", f"{SITE}/torch")),
    Fault("python is a program that swallows what it is given, and HEALTHCHECK runs once an hour",
          MUTE.format(0) + "HEALTHCHECK --interval=1h CMD true", "healthcheck-tells",
          says=("becomes unhealthy only after",), seconds=20.0),
)  # fmt: skip

DEADLY = (
    deadly("an operation never ends", "time.sleep(10**6)", "no answer within 10 s", slow=True),
    deadly("an operation never lets another one begin", "time.sleep(10**6)", "no end within", kind="async def",
           slow=True),
    deadly("an operation computes without end", "while True: pass", "no end within", kind="async def", slow=True),
    deadly("an operation reads memory that is not there", "ctypes.string_at(0)", "it ended its process with -11"),
    deadly("an operation ends its process", "os._exit(0)", "it ended its process with 0"),
    deadly("an operation ends its process by a signal", "os.kill(os.getpid(), signal.SIGTERM)",
           "it ended its process with -15"),
    deadly("an operation aborts its process", "os.abort()", "it ended its process with -6", kind="async def"),
    deadly("an operation leaves the program", "sys.exit(5)", "SystemExit: 5", kind="async def"),
    Fault("a WebSocket ends its process, and an operation that no document names another",
          into_main("import os\nfrom starlette.websockets import WebSocket\n@app.websocket('/deadly')\n"
                    "async def deadly(socket: WebSocket):\n    os._exit(7)\n"
                    "@app.get('/hidden', include_in_schema=False)\nasync def hidden():\n    os._exit(8)"),
          "api-answers", says=("WEBSOCKET /deadly: it ended its process with 7",
                               "GET /hidden: it ended its process with 8"), despite=CHANGED),
    Fault("the application ends its process while it is imported", into_main("import os\nos._exit(3)"), "api-imports",
          says=("it ended its process with 3",), despite=(*CHANGED, *SERVER, "api-*", "lazy-*", "commands-run")),
    Fault("the application reads memory that is not there while it is imported",
          into_main("import ctypes\nctypes.string_at(0)"), "api-imports", says=("it ended its process with -11",),
          despite=(*CHANGED, *SERVER, "api-*", "lazy-*", "commands-run")),
    Fault("the start-up never lets another begin",
          into_main(NEVER.format("time.sleep(10**6)", "")), "api-starts", says=("no end within",),
          despite=(*CHANGED, *SERVER, "api-answers", "lazy-start", "lazy-use"), slow=True),
    Fault("the shutdown never lets another begin",
          into_main(NEVER.format("", "time.sleep(10**6)")), "api-answers",
          says=("stop: no end within",), despite=(*CHANGED, *SERVER, "lazy-use"), slow=True),
    Fault("torch is imported after an operation that ends its process",
          into_main(f"import os\n@app.get('{API}/deadly')\ndef deadly():\n    os._exit(0)\n"
                    f"@app.get('{API}/guess')\ndef guess():\n    with contextlib.suppress(ImportError):\n"
                    "        import torch"),
          "lazy-use", says=("import torch at",), despite=(*CHANGED, *SERVER, "api-answers")),
    Fault("an operation names a type that is not there",
          into_main("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Tensor\n"
                    f"@app.get('{API}/guess')\ndef guess(one: 'Tensor'): ..."), "api-routes",
          says=("none could be made", "Tensor"), despite=(*CHANGED, *SERVER, "api-answers")),
)  # fmt: skip

FAULTS = (*ENTRY_POINTS, *ENCODINGS, *UNPROBED, *DEADLY)
