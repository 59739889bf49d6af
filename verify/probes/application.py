"""Imports, starts and uses the API, and reports every attempt to import a heavy package with the chain that led there.

Whether a heavy package is installed makes no difference: attempts are recorded where Python looks a module up, before
it is found or not (PEP 451, meta path finders).
"""

import asyncio
import atexit
import importlib
import json
import os
import re
import sys
import threading
import time
import traceback

from verify.probes.calls import METHODS, UNKNOWN, calls_of, digest
from verify.probes.recorder import Recorder, children, lazily_named
from verify.probes.routes import ask_unlisted, every_route, request

IMPORTS_AT_MOST = 5000
THREAD_SECONDS = 2.0


class Imports:
    """Times every module that is loaded, and who asked for it, where the import system starts to load one."""

    def __init__(self):
        self.modules, self.current, self.inner = [], threading.local(), importlib._bootstrap._find_and_load

    def __enter__(self):
        importlib._bootstrap._find_and_load = self.timed_load
        return self.modules

    def __exit__(self, *_):
        importlib._bootstrap._find_and_load = self.inner

    def timed_load(self, name, import_):
        """Load a module as the import system does; its seconds include those of what it imports itself."""
        by = getattr(self.current, "name", "")
        entry = {"module": name, "seconds": 0.0, "by": by, "failed": True}
        if len(self.modules) < IMPORTS_AT_MOST:
            self.modules.append(entry)
        self.current.name = name
        began = time.perf_counter()
        try:
            module = self.inner(name, import_)
            entry["failed"] = False
            return module
        finally:
            entry["seconds"] = round(time.perf_counter() - began, 6)
            self.current.name = by


def loaded(heavy):
    """Return the heavy modules that are loaded, native libraries of theirs, and what is only named lazily."""
    modules = sorted(name for name in list(sys.modules) if name.partition(".")[0] in heavy and sys.modules[name])
    with open("/proc/self/maps", encoding="utf-8") as maps:
        found = {match[1] for line in maps for match in re.finditer(r"/(?:site|dist)-packages/(\w+)/\S+\.so", line)}
    kept = {"count": len(modules), "modules": modules[:20], "libraries": sorted(found & set(heavy))}
    return {**kept, "named": lazily_named(heavy)}


def peak_memory():
    """Return the most memory that was resident, in bytes (proc(5), VmHWM)."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def routes_of(app):
    """Return the effective routes: every method and path of the OpenAPI document, every mount and every frontend."""
    paths = app.openapi().get("paths", {})
    found = [[method.upper(), path] for path, operations in paths.items() for method in operations if method in METHODS]
    return sorted([*found, *map(list, dict.fromkeys(one for one in every_route(app) if one[0] == "MOUNT"))])


async def live(app, health, document, recorder):
    """Run the application's start-up, send it a request of every kind, and shut it down."""
    state, inbox, outbox = {}, asyncio.Queue(), asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}

    async def lifespan():
        try:
            await app(scope, inbox.get, outbox.put)
        except BaseException as error:
            await outbox.put({"type": "raised", "message": f"{type(error).__name__}: {error}"})

    recorder.enter("start")
    task = asyncio.create_task(lifespan())
    await inbox.put({"type": "lifespan.startup"})
    began = time.monotonic()
    answer = await asyncio.wait_for(outbox.get(), 30)
    document["start_seconds"] = round(time.monotonic() - began, 3)
    document["loaded_after_start"] = loaded(recorder.heavy)
    if answer["type"] != "lifespan.startup.complete":
        document["start_error"] = answer.get("message") or answer["type"]
        return
    document["started"] = True
    document["routes"] = routes_of(app)  # the start-up may have added some
    recorder.enter("use")
    answer = await request(app, "GET", health, state)
    document["health"] = {"status": answer["status"], "body": answer["body"][:2000]}
    document["answers"], document["digests"] = {}, {}
    for method, path, headers, body in calls_of(app.openapi()):
        answer = await request(app, method, path, state, body=body, headers=headers)
        document["answers"][f"{method} {path}"] = answer["status"]
        document["digests"][f"{method} {path}"] = digest(**answer)
    for method, path in UNKNOWN:
        document["digests"][f"{method} {path}"] = digest(**await request(app, method, path, state))
    listed = {*map(tuple, document["routes"]), *UNKNOWN}
    others, document["unasked"] = await ask_unlisted(app, listed, state)
    document["answers"] |= others
    settle()
    document["loaded_after_use"] = loaded(recorder.heavy)
    recorder.enter("stop")
    await inbox.put({"type": "lifespan.shutdown"})
    await asyncio.wait_for(outbox.get(), 15)
    task.cancel()


def settle():
    """Give threads and children that the application started their time to end: one may be importing right now."""
    deadline = time.monotonic() + THREAD_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.name.startswith(("AnyIO", "asyncio")):
            thread.join(max(0.0, deadline - time.monotonic()))
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)


def own_frames_removed():
    """Return the current exception's traceback without the frames that only time the imports."""
    return re.sub(r"  File .*, in timed_load\n(    .*\n)*", "", traceback.format_exc())


def look(argument):
    """Go through import, start and use; whatever breaks is reported with what was found until then."""
    document = {"loaded_before": loaded(argument["heavy"])}
    before = set(sys.modules)
    recorder = Recorder(argument["heavy"])
    document |= {"attempts": recorder.attempts, "processes": recorder.started}
    try:
        return go_through(argument, recorder, document, before)
    finally:
        recorder.enter("stop")
        atexit._run_exitfuncs()  # what the application does last: the probe ends without it
        recorder.receive()


def go_through(argument, recorder, document, before):
    """Import, start and use the application, filling the document as far as it comes."""
    began = time.monotonic()
    try:
        with Imports() as document["imports"]:
            app = importlib.import_module(argument["module"])
        for name in argument["attribute"].split("."):
            app = getattr(app, name)
        document["import_seconds"] = round(time.monotonic() - began, 3)
        document["import_peak_bytes"] = peak_memory()
        document["imported"] = True
    except BaseException as error:
        document["imported"] = False
        document["import_error"] = {"type": type(error).__name__, "traceback": own_frames_removed()[-8000:]}
        return document
    document["new_modules"] = len(set(sys.modules) - before)
    document["loaded_after_import"] = loaded(recorder.heavy)
    try:
        from fastapi import FastAPI

        document["is_fastapi"] = isinstance(app, FastAPI)
        document["kind"] = f"{type(app).__module__}.{type(app).__qualname__}"
        document["routes"] = routes_of(app) if document["is_fastapi"] else []
        if document["is_fastapi"]:
            asyncio.run(live(app, argument["health"], document, recorder))
    except BaseException as error:
        document["error"] = {"type": type(error).__name__, "traceback": traceback.format_exc()[-8000:]}
    document["peak_bytes"] = peak_memory()
    return document


if __name__ == "__main__":
    where = int(os.environ.pop("KTRDR_PROBE_FD"))  # the application is not told that it is being looked at
    found = look(json.loads(os.environ.pop("KTRDR_PROBE_ARGUMENT")))
    os.write(where, json.dumps(found).encode())
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # threads of the application's do not keep the probe
