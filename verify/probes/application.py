"""Imports, starts and uses the API, and reports every attempt to import a heavy package with the chain that led there.

Whether a heavy package is installed makes no difference: attempts are recorded where Python looks a module up, before
it is found or not (PEP 451, meta path finders). It tells each phase, and each operation, before it begins with it: what
hangs or ends the process costs its own answer, and verify/probes/runner.py starts this anew for the operations left.
"""

import asyncio
import atexit
import importlib
import os
import re
import sys
import threading
import time
import traceback

from verify.probes.calls import METHODS, UNKNOWN, calls_of, digest
from verify.probes.recorder import Recorder, children, lazily_named
from verify.probes.report import given
from verify.probes.routes import REQUEST_SECONDS, converse, every_route, request, unlisted

IMPORTS_AT_MOST = 5000
THREAD_SECONDS = 2.0
# Within which a phase, and an operation, ends on the slowest machine; a start-up and a shutdown wait for less
IMPORT_SECONDS, START_SECONDS, OPERATION_SECONDS, STOP_SECONDS = 100.0, 40.0, 20.0, 30.0
STARTED_WITHIN, STOPPED_WITHIN = 30.0, 15.0
UNLISTED_SECONDS = 40.0  # for all requests that no document names


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


def executed(module):
    """Tell whether a module of sys.modules was executed: LazyLoader registers one that was not, and others do so."""
    try:
        names = object.__getattribute__(module, "__dict__")  # what executes a lazy module is not asked
    except AttributeError:
        return module is not None
    return "__builtins__" in names or not all(name.startswith("__") for name in names)


def loaded(heavy):
    """Return the heavy modules that are loaded, native libraries of theirs, and what is only named lazily."""
    found = [name for name in list(sys.modules) if name.partition(".")[0] in heavy and executed(sys.modules[name])]
    modules = sorted(found)
    found = {match[1] for line in mapped() for match in re.finditer(r"/(?:site|dist)-packages/(\w+)/\S+\.so", line)}
    kept = {"count": len(modules), "modules": modules[:20], "libraries": sorted(found & set(heavy))}
    return {**kept, "named": lazily_named(heavy)}


def mapped(maps="/proc/self/maps"):
    """Return lines that name the files in this process's memory (proc(5)); on a Mac the modules that Python loaded."""
    try:
        with open(maps, encoding="utf-8") as lines:
            return list(lines)
    except FileNotFoundError:
        modules = [module for module in list(sys.modules.values()) if module is not None and executed(module)]
        return [str(getattr(module, "__file__", None)) for module in modules]


def peak_memory(status="/proc/self/status"):
    """Return the most memory that was resident, in bytes (proc(5), VmHWM; on a Mac getrusage(2))."""
    try:
        with open(status, encoding="utf-8") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except FileNotFoundError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def routes_of(app):
    """Return the effective routes: every method and path of the OpenAPI document, every mount and every frontend."""
    paths = app.openapi().get("paths", {})
    found = [[method.upper(), path] for path, operations in paths.items() for method in operations if method in METHODS]
    return sorted([*found, *map(list, dict.fromkeys(one for one in every_route(app) if one[0] == "MOUNT"))])


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


class Look:
    """One look at the application, phase by phase, which tells what it finds at once."""

    def __init__(self, argument, tell):
        self.argument, self.tell, self.done = argument, tell, argument.get("done", [])
        self.skipped = {*self.done, *argument.get("skipped", ())}
        self.heavy, self.state, self.inbox, self.outbox = argument["heavy"], {}, asyncio.Queue(), asyncio.Queue()
        self.now, self.again, self.routes = "", False, []

    def enter(self, what, seconds, *, again=False):
        """Begin a phase, or an operation, after which another process goes on if this one does not survive it."""
        self.now, self.again = what if again or not self.done else f"{what} after {self.done[-1]}", again
        self.tell(now={"what": self.now, "seconds": seconds, "again": again})

    def lose(self, how="", trace=""):
        """Tell that what was begun came to nothing: how, or the exception that ended it."""
        kind, error, _ = sys.exc_info()
        self.tell(lost={self.now: {"how": (how or f"{kind.__name__}: {error}")[:1000], "traceback": trace[-8000:]}})

    def go(self):
        """Go through import, start and use, as far as it comes."""
        self.tell(attempts=[], processes=[], loaded_before=loaded(self.heavy))
        before = set(sys.modules)
        self.recorder = Recorder(self.heavy, self.tell)
        self.enter("import", IMPORT_SECONDS)
        try:
            app = self.load(before)
            if app is not None and self.is_fastapi(app):
                loop = asyncio.new_event_loop()
                asyncio.set_event_loop(loop)
                loop.run_until_complete(self.live(app))  # its end would wait for operations that never do
        except BaseException:
            self.lose(trace=traceback.format_exc())
            if self.again:
                return
        self.enter("stop", STOP_SECONDS)
        self.recorder.enter("stop")
        atexit._run_exitfuncs()  # what the application does last: the probe ends without it
        self.tell(now=None)

    def load(self, before):
        """Import the application, and return it."""
        began = time.monotonic()
        try:
            with Imports() as imports:
                app = importlib.import_module(self.argument["module"])
            for name in self.argument["attribute"].split("."):
                app = getattr(app, name)
        except BaseException:
            self.lose(trace=own_frames_removed())
            return self.tell(imported=False, imports=imports)
        self.tell(
            imported=True, import_seconds=round(time.monotonic() - began, 3), import_peak_bytes=peak_memory(),
            new_modules=len(set(sys.modules) - before), loaded_after_import=loaded(self.heavy), imports=imports,
        )  # fmt: skip
        return app

    def is_fastapi(self, app):
        """Tell whether the application is one of FastAPI's, and its routes."""
        from fastapi import FastAPI

        found = isinstance(app, FastAPI)
        self.tell(is_fastapi=found, kind=f"{type(app).__module__}.{type(app).__qualname__}")
        if found:
            self.list_routes(app)
        return found

    def list_routes(self, app):
        """Tell the routes; an application whose document cannot be made may answer all the same."""
        self.enter("routes", START_SECONDS)
        try:
            self.routes = routes_of(app)
        except BaseException:
            self.lose(trace=traceback.format_exc())
        self.tell(routes=self.routes)

    async def live(self, app):
        """Run the application's start-up, send it a request of every kind, and shut it down."""
        self.enter("start", START_SECONDS)
        self.recorder.enter("start")
        task = asyncio.create_task(self.lifespan(app))
        await self.inbox.put({"type": "lifespan.startup"})
        began = time.monotonic()
        answer = await self.next(STARTED_WITHIN)
        seen = {"start_seconds": round(time.monotonic() - began, 3), "loaded_after_start": loaded(self.heavy)}
        if answer["type"] != "lifespan.startup.complete":
            self.lose(answer.get("message") or answer["type"])
            return self.tell(**seen)
        self.tell(started=True, answers={}, digests={}, **seen)
        self.list_routes(app)  # the start-up may have added some
        self.recorder.enter("use")
        await asyncio.sleep(self.argument.get("rest", 0))
        await self.use(app)
        self.enter("stop", STOP_SECONDS)
        settle()
        self.tell(loaded_after_use=loaded(self.heavy))
        self.recorder.enter("stop")
        await self.inbox.put({"type": "lifespan.shutdown"})
        await self.next(STOPPED_WITHIN)
        return task.cancel()

    async def lifespan(self, app):
        """Let the application start up, and shut down."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await app(scope, self.inbox.get, self.outbox.put)
        except BaseException as error:
            await self.outbox.put({"type": "raised", "message": f"{type(error).__name__}: {error}"})

    async def next(self, seconds):
        """Return what the application says of its start-up or shutdown."""
        try:
            return await asyncio.wait_for(self.outbox.get(), seconds)
        except TimeoutError:
            raise TimeoutError(f"no end within {seconds:.0f} s") from None

    async def use(self, app):
        """Send a request to health, to every operation of the document, and to all else that is answered."""
        try:
            calls = list(calls_of(app.openapi()))
        except BaseException:
            calls = []  # it was told where the routes were listed
        unknown = [(*one, {}, None) for one in UNKNOWN]
        others = unlisted(app, {*map(tuple, self.routes), *UNKNOWN})
        self.tell(planned=[f"{one[0]} {one[1]}" for one in (*calls, *unknown, *others)], asked=[])
        if answer := await self.ask("health", app, "GET", self.argument["health"]):
            self.tell(health={"status": answer["status"], "body": answer["body"][:2000]})
        for method, path, headers, body in (*calls, *unknown):
            name = f"{method} {path}"
            if answer := await self.ask(name, app, method, path, headers=headers, body=body):
                self.tell(digests={name: digest(**answer)})
                if (method, path) not in UNKNOWN:
                    self.tell(answers={name: answer["status"]})
        end = time.monotonic() + UNLISTED_SECONDS
        for method, path in others:
            name = f"{method} {path}"
            if time.monotonic() < end and (answer := await self.ask(name, app, method, path)):
                self.tell(answers={name: answer["status"]})

    async def ask(self, name, app, method, path, **more):
        """Return the answer to one request; None where there is none, or a process was lost at it before."""
        if name in self.skipped:
            return None
        self.enter(name, OPERATION_SECONDS, again=True)
        if method == "WEBSOCKET":
            answer = await converse(app, path, self.state)
        else:
            answer = await request(app, method, path, self.state, **more)
            if not answer["status"]:
                answer = self.lose(f"no answer within {REQUEST_SECONDS:.0f} s")
        self.tell(asked=[name])
        return answer


if __name__ == "__main__":
    Look(*given()).go()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # threads of the application's do not keep the probe
