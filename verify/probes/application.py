"""Imports, starts and uses the API, and reports every attempt to import a heavy package with the chain that led there.

Whether a heavy package is installed makes no difference: attempts are recorded where Python looks a module up, before
it is found or not (PEP 451, meta path finders).
"""

import asyncio
import contextlib
import glob
import importlib
import json
import os
import re
import resource
import sys
import threading
import time
import traceback

ATTEMPTS_AT_MOST = 40
REPORT_AT_MOST = 1_000_000  # bytes that forked children may send
IMPORTS_AT_MOST = 5000
REQUEST_SECONDS = 10.0
THREAD_SECONDS = 2.0
# Audit events of the standard library that start a process (Python's audit events table)
STARTING = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen", "pty.spawn"}


class Recorder:
    """Remembers who asked for a heavy package, and who started a process, in which phase.

    It listens twice: as a meta path finder that finds nothing, and as an audit hook (PEP 578), which nobody can take
    out again and which hears of a module that is run past the import system. A forked child has the recorder too, and
    sends what it hears through a file in memory; what any other child does nobody hears.
    """

    def __init__(self, heavy):
        self.heavy, self.phase, self.attempts, self.started = set(heavy), "import", [], []
        self.process, self.sent = os.getpid(), os.memfd_create("attempts")
        self.file = re.compile(rf"/(?:site|dist)-packages/({'|'.join(map(re.escape, heavy))})/")
        sys.meta_path.insert(0, self)
        sys.addaudithook(self.hear)

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the import system's signature
        """Record the question, unless it only looks a package up; finding is left to the others."""
        if name in self.heavy:
            frames = list(walk(sys._getframe(1)))
            asked = next((f for f in frames if f.f_code.co_name != "_find_spec"), None)
            if asked is not None and asked.f_code.co_name == "_find_and_load_unlocked":
                self.attempt(name, frames)

    def hear(self, event, arguments):
        """Record imports that the finder does not hear of, modules that are run, and processes that are started."""
        if event == "import":
            if arguments[0] in self.heavy and (not sys.meta_path or sys.meta_path[0] is not self):
                self.attempt(arguments[0], list(walk(sys._getframe(1))))
        elif event == "exec":
            found = self.file.search(getattr(arguments[0], "co_filename", ""))
            if found and found[1] not in {one["package"] for one in self.attempts}:
                self.attempt(found[1], list(walk(sys._getframe(1))))
        elif event in STARTING:
            what = " ".join([event, *(repr(one)[:200] for one in arguments[:2])])
            self.start(what, chain(list(walk(sys._getframe(1)))))

    def attempt(self, package, frames):
        """Keep an attempt once, and send it where this is a forked child."""
        one = {"package": package, "phase": self.phase, "chain": chain(frames)}
        if one not in self.attempts and len(self.attempts) < ATTEMPTS_AT_MOST:
            self.attempts.append(one)
            if os.getpid() != self.process:
                os.write(self.sent, json.dumps(one).encode() + b"\n")

    def start(self, what, frames):
        """Keep a process that was started."""
        if len(self.started) < ATTEMPTS_AT_MOST:
            self.started.append({"what": what, "phase": self.phase, "chain": frames})

    def enter(self, phase):
        """Begin a phase; a child that there is, or was, and whose start nobody heard belongs to the one that ends."""
        had = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt > 0
        if (had or children()) and not self.started:
            self.start("a process, by means that nobody heard", [])
        self.phase = phase

    def receive(self):
        """Take in what forked children sent."""
        with open(self.sent, "rb") as file:
            file.seek(0)
            for line in file.read(REPORT_AT_MOST).splitlines()[:ATTEMPTS_AT_MOST]:
                with contextlib.suppress(ValueError):
                    self.attempts.append(json.loads(line))


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


def children():
    """Return the ids of the processes that this one, or a child of it, started and that are still there (proc(5))."""
    found = []
    for file in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError), open(file, encoding="utf-8", errors="replace") as stat:
            own, _, rest = stat.read().rpartition(")")
            _state, parent, _group, session = rest.split()[:4]
            process = int(own.split()[0])
            if process != os.getpid() and str(os.getpid()) in (parent, session):
                found.append(process)
    return found


def walk(frame):
    """Yield a frame and all that called it, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def chain(frames):
    """Return the files and lines that led here, the outermost first, without the machinery between them."""
    return [
        [frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name]
        for frame in reversed(frames)
        if not frame.f_code.co_filename.startswith(("<frozen importlib", "<string>"))
        and frame.f_code is not Imports.timed_load.__code__
        and not re.search(
            r"/lib/python3\.\d+/(importlib|asyncio|threading|concurrent|subprocess|multiprocessing)\b",
            frame.f_code.co_filename,
        )
    ]


def loaded(heavy):
    """Return the heavy modules that are loaded, and native libraries of theirs that no module admits to."""
    modules = sorted(name for name in list(sys.modules) if name.partition(".")[0] in heavy and sys.modules[name])
    with open("/proc/self/maps", encoding="utf-8") as maps:
        found = {match[1] for line in maps for match in re.finditer(r"/(?:site|dist)-packages/(\w+)/\S+\.so", line)}
    return {"count": len(modules), "modules": modules[:20], "libraries": sorted(found & set(heavy))}


def peak_memory():
    """Return the most memory that was resident, in bytes (proc(5), VmHWM)."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def routes_of(app):
    """Return the effective routes: every method and path of the OpenAPI document, and every mount."""
    paths = app.openapi().get("paths", {})
    found = [[method.upper(), path] for path, operations in paths.items() for method in operations if method in METHODS]
    found += [["MOUNT", getattr(one, "path", "")] for one in app.routes if type(one).__name__ in ("Mount", "Host")]
    return sorted(found)


METHODS = ("get", "post", "put", "patch", "delete")


def sample(schema, document, depth=0):
    """Return a small value of a JSON schema, so that a request reaches the code behind the validation."""
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        return sample(target, document, depth + 1) if depth < 8 else None
    for key in ("const", "default", "example"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0], document, depth + 1)
    kind = schema.get("type", "object")
    if kind == "object":
        names = schema.get("required", [])
        return {name: sample(schema.get("properties", {}).get(name, {}), document, depth + 1) for name in names}
    if kind == "array":
        return [sample(schema.get("items", {}), document, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    return {"date": "2024-01-01", "date-time": "2024-01-01T00:00:00Z"}.get(schema.get("format"), "EURUSD")


def calls_of(app):
    """Yield method, path and body of one request to every operation, those that only read first."""
    document = app.openapi()
    for methods in (("get",), ("post", "put", "patch"), ("delete",)):
        for path, operations in document.get("paths", {}).items():
            for method in methods:
                if method in operations:
                    content = operations[method].get("requestBody", {}).get("content", {})
                    schema = content.get("application/json", {}).get("schema")
                    body = None if schema is None else json.dumps(sample(schema, document)).encode()
                    yield method.upper(), re.sub(r"\{\w+\}", "EURUSD", path), body


async def request(app, method, path, body, state):
    """Send one request over ASGI, without a network; returns status and the body's beginning."""
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": dict(state),
    }  # fmt: skip
    sent, answer = False, {"status": 0, "body": b""}

    async def receive():
        nonlocal sent
        if sent:
            await asyncio.sleep(REQUEST_SECONDS)
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
        elif message["type"] == "http.response.body" and len(answer["body"]) < 2000:
            answer["body"] += message.get("body", b"")

    try:
        await asyncio.wait_for(app(scope, receive, send), REQUEST_SECONDS)
    except BaseException as error:
        return {"status": 500, "body": f"{type(error).__name__}: {error}"[:2000]}
    return {"status": answer["status"], "body": answer["body"][:2000].decode("utf-8", "replace")}


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
    recorder.enter("use")
    document["health"] = await request(app, "GET", health, None, state)
    answers = {}
    for method, path, body in calls_of(app):
        answers[f"{method} {path}"] = (await request(app, method, path, body, state))["status"]
    document["answers"] = answers
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
