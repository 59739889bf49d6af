"""Good images whose answers are never the same, never end, or that name what is heavy and never load it."""

import json

from deploy.configuration import Configuration
from tests.broken_images.catalogue.sources import CHANGED, NEVER
from tests.broken_images.fault import ADDRESS, API, Fault, good, into_main, package
from tests.support.checkout import read_contract

BACKEND = read_contract().images["backend"]
ANY = "0.0.0.0"  # noqa: S104 - a server's
SERVE = ["uvicorn", "ktrdr.api.main:app", "--host", ANY, "--port"]
FACTORY = ["uvicorn", "--factory", "ktrdr.api.main:create_application", *SERVE[2:], "8000"]
EVENTS = """
import asyncio
from fastapi.responses import StreamingResponse
async def _parts():
    while True:
        yield {part}
        await asyncio.sleep({pause})
"""


def answering(what: str, answer: str, before: str = "import random, string, time") -> Fault:
    """Return a good image with an operation whose answer differs between two of its processes."""
    return good(what, into_main(f"{before}\n@app.get('{API}/answer')\ndef answer():\n    return {answer}"),
                "server-answers", despite=CHANGED)  # fmt: skip


def streaming(what: str, part: str, pause: float, kind: str) -> Fault:
    """Return a good image with an operation whose answer never ends."""
    text = EVENTS.format(part=part, pause=pause)
    text += (
        f"@app.get('{API}/events')\nasync def events():\n    return StreamingResponse(_parts(), media_type='{kind}')"
    )
    return good(what, into_main(text), "api-answers", despite=CHANGED, slow=True)


def named(what: str, statement: str, name: str = "torch") -> Fault:
    """Return a good image that names a heavy package and runs nothing of it."""
    before = package(name, "raise RuntimeError('this was executed')") if name != "torch" else ""
    return good(what, before + into_main(f"import importlib.util, sys, types\n{statement}", base="dev"), "lazy-import",
                role="dev", base="dev", despite=CHANGED)  # fmt: skip


ANSWERS = (
    answering("an answer is a set's, whose order differs", "list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})"),
    answering("an answer holds a random word", "{'word': ''.join(random.choices(string.ascii_letters, k=16))}"),
    answering("an answer is a sentence from a set", "' and '.join({'bonds', 'shares', 'gold'})"),
    answering("an answer names the process, by a word that it chose at its start", "_NAME",
              "import secrets\n_NAME = ''.join(c for c in secrets.token_hex(16) if c.isalpha())"),
    answering("an answer is another one some seconds after the start",
              "'warming up' if time.monotonic() < _READY else 'ready'", "import time\n_READY = time.monotonic() + 3"),
    answering("an answer says by design that something is not there", "JSONResponse({'status': 'no feed'}, 503)",
              "from fastapi.responses import JSONResponse"),
)  # fmt: skip

STREAMS = (
    streaming("a stream of events never ends", "b'data: tick\\n\\n'", 1, "text/event-stream"),
    streaming("a stream of events says one thing, and then nothing", "b'data: tick\\n\\n'", 10**6, "text/event-stream"),
    streaming("a download never ends", "b'x' * 65536", 0.01, "application/octet-stream"),
)  # fmt: skip

LAZY = (
    named("LazyLoader registered torch, and nobody used it",
          "_spec = importlib.util.find_spec('torch')\n_loader = importlib.util.LazyLoader(_spec.loader)\n"
          "_spec.loader = _loader\n_module = importlib.util.module_from_spec(_spec)\n"
          "sys.modules['torch'] = _module\n_loader.exec_module(_module)"),
    named("torch was made from its specification, and not executed",
          "sys.modules['torch'] = importlib.util.module_from_spec(importlib.util.find_spec('torch'))"),
    named("an empty module stands in for torch", "sys.modules['torch'] = types.ModuleType('torch')"),
    named("torch is kept from being imported", "sys.modules['torch'] = None"),
)  # fmt: skip


def configured(**keys: object) -> dict[str, object]:
    """Return what the contract says of the backend, with other keys of its configuration."""
    return {"configuration": BACKEND.configuration.with_(Configuration.model_validate(keys))}


def asked(address: str) -> str:
    """Return the line of a HEALTHCHECK as the contract has it, at another address."""
    words = json.dumps(["python", "-m", "ktrdr.healthcheck", address])
    return f"HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=0.6s CMD {words}"


NAMED = (
    good("the contract names another port, and the server and HEALTHCHECK are there",
         f"EXPOSE 9000\nCMD {json.dumps([*SERVE, '9000'])}\n{asked(f'{ADDRESS}:9000{API}/health')}", "server-answers",
         contract={**configured(command=[*SERVE, "9000"], ports=["8000/tcp", "9000/tcp"]),
                   "health": f"{ADDRESS}:9000{API}/health"}),
    good("the contract names a factory, which makes the application that is served",
         f"CMD {json.dumps(FACTORY)}", "server-answers", contract=configured(command=FACTORY)),
    good("the start-up takes twenty seconds",
         into_main("import asyncio" + NEVER.format("await asyncio.sleep(20)", "")), "api-starts", despite=CHANGED,
         slow=True),
    good("HEALTHCHECK asks by a name", asked(f"http://localhost:8000{API}/health"), "healthcheck-tells",
         contract={"health": f"http://localhost:8000{API}/health"}),
)  # fmt: skip

GOOD = (*ANSWERS, *STREAMS, *LAZY, *NAMED)
