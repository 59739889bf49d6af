"""A heavy package is imported where it must not be: whichever way, and whether or not it is there."""

from tests.broken_images.fault import API, MAIN, SITE, Fault, as_root, into, into_main, package

IMPORT = "try:\n    import {0}\nexcept ImportError:\n    {0} = None\n"
QUIETLY = "    with contextlib.suppress(ImportError):\n        {}"
DEV = "/app/ktrdr/api/main.py"
IDNA = f"{SITE}/idna"
ROUTES = f"{SITE}/ktrdr/api/routes"


def at_start(statement: str) -> str:
    """Return the lines that let the application do something while it starts."""
    return into_main(f"""
import os, subprocess, sys
_before = app.router.lifespan_context
@contextlib.asynccontextmanager
async def _with_more(app):
{QUIETLY.format(statement)}
    async with _before(app):
        yield
app.router.lifespan_context = _with_more
""")


def at_request(statement: str) -> str:
    """Return the lines that let the application do something when it is asked for the first time."""
    return into_main(f"import os, subprocess, sys\n@app.get('{API}/guess')\ndef guess():\n{QUIETLY.format(statement)}")


AT_IMPORT = (
    Fault(
        "torch is imported at the top of main.py, behind try and except",
        into_main(IMPORT.format("torch"), at="top"), "lazy-import", says=(f"import torch at {MAIN}:2",),
    ),
    Fault("torch is imported at the top of main.py", into_main("import torch", at="top"), "lazy-import",
          says=(f"import torch at {MAIN}:1",)),
    Fault(
        "torch is imported at the top of main.py, where torch is",
        into_main("import torch", at="top", base="dev"), "lazy-import", base="dev", role="dev",
        says=(f"import torch at {DEV}:1", "loaded: torch"),
    ),
    Fault(
        "torch is imported behind try and except, where torch is",
        into_main(IMPORT.format("torch"), at="top", base="dev"), "lazy-import", base="dev", role="dev",
        says=(f"import torch at {DEV}:2",),
    ),
    Fault(
        "torch is imported deep in the chain, by a package's __init__",
        into("api/services/__init__", IMPORT.format("torch")), "lazy-import", says=("api/services/__init__.py",),
    ),
    Fault(
        "torch is imported through importlib",
        into_main("import importlib\nwith contextlib.suppress(ImportError):\n    importlib.import_module('torch')"),
        "lazy-import", says=(f"import torch at {MAIN}",),
    ),
    Fault(
        "a part of torch is imported",
        into_main("with contextlib.suppress(ImportError):\n    from torch.nn import Module"),
        "lazy-import", says=(f"import torch at {MAIN}",),
    ),
    Fault(
        "torch is imported by another distribution",
        as_root(f"echo '{IMPORT.format('torch')}' >>{IDNA}/__init__.py\nrm {IDNA}/__pycache__/__init__.*")
        + into_main("import idna"),
        "lazy-import", says=("import torch at", "/idna/__init__.py"),
    ),
    Fault(
        "torch is imported in a thread",
        into_main(f"import threading\ndef _load():\n{QUIETLY.format('import torch')}\n"
                  "_thread = threading.Thread(target=_load)\n_thread.start()\n_thread.join()"),
        "lazy-import", says=(f"import torch at {MAIN}", "_load"),
    ),
    Fault("sklearn is there and is imported", package("sklearn") + into_main("import sklearn"), "lazy-import",
          says=("import sklearn", "loaded: sklearn")),
    Fault("tensorflow is there and is imported", package("tensorflow") + into_main("import tensorflow"), "lazy-import",
          says=("import tensorflow", "loaded: tensorflow")),
    Fault("jax is there and is imported", package("jax") + into_main("import jax"), "lazy-import",
          says=("import jax", "loaded: jax")),
    Fault("tensorflow is not there and is imported", into_main(IMPORT.format("tensorflow")), "lazy-import",
          says=("import tensorflow",)),
)  # fmt: skip

# Around the import system: by the file, by another name, past whoever listens
AROUND = (
    Fault(
        "sklearn is loaded by its file, under another name",
        package("sklearn") + into_main(f"""
import importlib.util
_spec = importlib.util.spec_from_file_location("quick", "{SITE}/sklearn/__init__.py")
_spec.loader.exec_module(importlib.util.module_from_spec(_spec))
"""),
        "lazy-import", says=("sklearn",),
    ),
    Fault(
        "sklearn is looked up, and run without being imported",
        package("sklearn") + into_main("""
import importlib.util
_spec = importlib.util.find_spec("sklearn")
_spec.loader.exec_module(importlib.util.module_from_spec(_spec))
"""),
        "lazy-import", says=("sklearn",),
    ),
    Fault(
        "whoever listens to imports is taken out first",
        into_main("import sys\nsys.meta_path[:] = sys.meta_path[-1:]\n" + IMPORT.format("torch"), at="top"),
        "lazy-import", says=(f"import torch at {MAIN}",),
    ),
    Fault(
        "sklearn is imported and forgotten again",
        package("sklearn") + into_main("import sys\nimport sklearn\ndel sys.modules['sklearn'], sklearn"),
        "lazy-import", says=("import sklearn",),
    ),
)  # fmt: skip

LATER = (
    Fault("torch is imported while the application starts", at_start("import torch"), "lazy-start",
          says=(f"import torch at {MAIN}", "_with_more")),
    Fault("torch is imported when the application stops",
          into_main(f"""
_before = app.router.lifespan_context
@contextlib.asynccontextmanager
async def _with_end(app):
    async with _before(app):
        yield
{QUIETLY.format('import torch')}
app.router.lifespan_context = _with_end
"""), "lazy-use", says=(f"import torch at {MAIN}", "_with_end")),
    Fault("torch is imported when the interpreter ends",
          into_main(f"import atexit\n@atexit.register\ndef _last():\n{QUIETLY.format('import torch')}"),
          "lazy-use", says=(f"import torch at {MAIN}", "_last")),
    Fault("sklearn is imported on the first request", at_request("import sklearn"), "lazy-use",
          says=(f"import sklearn at {MAIN}", "guess")),
    Fault("torch is imported on the first request", at_request("import torch"), "lazy-use",
          says=(f"import torch at {MAIN}", "guess")),
    Fault("torch is imported behind a header, a pattern and two bounds",
          into_main("from typing import Annotated\nfrom fastapi import Header, Path, Query\n"
                    f"@app.get('{API}/guess/{{part}}')\n"
                    "def guess(part: Annotated[float, Path(gt=0, lt=1)], x_model: Annotated[str, Header()],\n"
                    f"          name: Annotated[str, Query(pattern='^[a-z]+$')]):\n{QUIETLY.format('import torch')}"),
          "lazy-use", says=(f"import torch at {MAIN}", "guess")),
    Fault("torch is imported where a worker registers",
          as_root(f"grep -q 'Register a worker' {ROUTES}/workers.py\n"
                  r"sed -i '/Register a worker/a\    import contextlib\n    with contextlib.suppress(ImportError):\n"
                  rf"        import torch' {ROUTES}/workers.py; rm {ROUTES}/__pycache__/workers.*"),
          "lazy-use", says=(f"import torch at {ROUTES}/workers.py", "register")),
    Fault("torch is imported by an operation that the OpenAPI document does not name",
          into_main(f"@app.get('/guess', include_in_schema=False)\ndef guess():\n{QUIETLY.format('import torch')}"),
          "lazy-use", says=(f"import torch at {MAIN}", "guess")),
    Fault("torch is imported when a WebSocket is opened",
          into_main("from starlette.websockets import WebSocket\n@app.websocket('/guess')\n"
                    f"async def guess(socket: WebSocket):\n{QUIETLY.format('import torch')}"),
          "lazy-use", says=(f"import torch at {MAIN}", "guess")),
    Fault("WebSockets that never end leave no time for an operation that no document names",
          into_main("from starlette.websockets import WebSocket\nfor _number in range(6):\n"
                    "    @app.websocket(f'/endless/{_number}')\n    async def endless(socket: WebSocket):\n"
                    "        await socket.accept()\n        while True:\n            await asyncio.sleep(1)\n"
                    "import asyncio\n@app.get('/guess', include_in_schema=False)\ndef guess(): ..."),
          "lazy-use", "ERROR", says=("no time was left to ask", "WEBSOCKET /endless/"), slow=True),
    Fault("torch is imported a second after the start, in a thread",
          into_main(f"import threading, time\ndef _load():\n    time.sleep(1)\n{QUIETLY.format('import torch')}\n"
                    "threading.Thread(target=_load).start()"),
          "lazy-use", says=(f"import torch at {MAIN}", "_load")),
)  # fmt: skip

FORK = "os.waitpid(_child(), 0)"
CHILD = """
import os
def _child():
    child = os.fork()
    if child == 0:
        try:
            import torch
        finally:
            os._exit(0)
    return child
"""
PROCESSES = (
    Fault("a child of the application imports torch while it is imported", into_main(CHILD + FORK), "lazy-import",
          says=(f"import torch at {MAIN}", "_child")),
    Fault("a child of the application imports torch on the first request", into_main(CHILD) + at_request(FORK),
          "lazy-use", says=(f"import torch at {MAIN}", "_child")),
    Fault("the application starts a program while it is imported, which imports torch",
          into_main("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import torch'])"),
          "lazy-import", "ERROR", says=("starts a process", f"{MAIN}")),
    Fault("the application starts a program while it starts, which imports torch",
          at_start("subprocess.run([sys.executable, '-c', 'import torch'])"),
          "lazy-start", "ERROR", says=("starts a process", f"{MAIN}")),
    Fault("the application starts a program on the first request, which imports torch",
          at_request("os.system('python -c \"import torch\"')"),
          "lazy-use", "ERROR", says=("starts a process", f"{MAIN}")),
    Fault("the application has a pool of processes, and torch is imported there",
          at_request("import multiprocessing; multiprocessing.get_context('spawn').Pool(1).apply(eval, ('1',))"),
          "lazy-use", "ERROR", says=("starts a process",)),
)  # fmt: skip

FAULTS = (*AT_IMPORT, *AROUND, *LATER, *PROCESSES)
