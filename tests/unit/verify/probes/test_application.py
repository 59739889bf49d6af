"""Every attempt to import a heavy package is recorded with phase, file and line, installed or not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import probe, results, run, write
from verify.probes import application as probed

# What is heavy, by the way in which an application comes to import it.
WAYS = {
    "guarded": ("import", "main.py"),
    "dynamic": ("import", "main.py"),
    "deep": ("import", "deep/inner.py"),
    "submodule": ("import", "main.py"),
    "start": ("start", "main.py"),
    "task": ("start", "main.py"),
    "use": ("use", "main.py"),
    "body": ("use", "main.py"),
    "dependency": ("use", "main.py"),
    "hidden": ("use", "main.py"),
    "included": ("use", "main.py"),
    "mounted": ("use", "main.py"),
    "later": ("use", "main.py"),
    "router_mount": ("use", "main.py"),
    "frontend": ("use", "main.py"),
    "mounted_frontend": ("use", "main.py"),
    "started": ("use", "main.py"),
    "socket": ("use", "main.py"),
    "heard": ("use", "main.py"),
    "included_socket": ("use", "main.py"),
    "number": ("use", "main.py"),
    "head": ("use", "main.py"),
    "bare": ("use", "main.py"),
    "class": ("use", "main.py"),
    "stop": ("stop", "main.py"),
    "exit": ("stop", "main.py"),
}
MAIN = """
import asyncio, atexit, importlib, importlib.util, pathlib, threading, time
from contextlib import asynccontextmanager
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from pydantic import BaseModel
from datetime import date
from typing import Literal
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Route
print("noise while importing")
if importlib.util.find_spec("heavy_lookup") and False:
    import heavy_lookup
def load(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
try:
    import heavy_guarded
except ImportError:
    heavy_guarded = None
load("heavy_dynamic")
atexit.register(load, "heavy_exit")
try:
    from heavy_submodule.inner import thing
except ImportError:
    thing = None
from {name} import deep
def later():
    time.sleep(0.2)
    load("heavy_thread")
@asynccontextmanager
async def lifespan(app):
    load("heavy_start")
    await asyncio.create_task(asyncio.sleep(0))
    await asyncio.get_running_loop().create_task(job())
    threading.Thread(target=later).start()
    @router.get("/started")
    def started():
        load("heavy_started")
    yield
    load("heavy_stop")
async def job():
    load("heavy_task")
app = FastAPI(lifespan=lifespan)
class Item(BaseModel):
    name: str
    count: int
    tags: list[str]
@app.get("/api/v1/health")
def health():
    print("noise while serving")
    return {{"status": "ok"}}
@app.get("/things/{{name}}")
def first(name: str):
    return {{"loaded": bool(load("heavy_use"))}}
@app.post("/things")
async def body(item: Item):
    return {{"loaded": bool(load("heavy_body"))}}
@app.put("/things")
def put(item: Item, loaded=Depends(lambda: load("heavy_dependency"))):
    return {{}}
@app.get("/broken")
def broken():
    raise RuntimeError("unexpected")
@app.get("/missing")
def missing():
    raise HTTPException(404)
@app.get("/hidden/{{name:path}}", include_in_schema=False)
def hidden(name: str):
    load("heavy_hidden")
@app.websocket("/socket/{{name}}")
async def socket(socket: WebSocket, name: str):
    load("heavy_socket")
    await socket.accept()
    if await socket.receive_text():
        load("heavy_heard")
    await socket.receive_text()
router = APIRouter(prefix="/included")
@router.delete("", include_in_schema=False)
def included():
    load("heavy_included")
@router.websocket("/socket")
async def included_socket(socket: WebSocket):
    load("heavy_included_socket")
app.include_router(router, prefix="/twice")
@router.post("/later", include_in_schema=False)
def later_added():
    load("heavy_later")
in_router = FastAPI(openapi_url=None)
@in_router.get("/x")
def in_router_mount():
    load("heavy_router_mount")
router.mount("/mount", in_router)
here = pathlib.Path(__file__).parent
front = APIRouter(prefix="/front", dependencies=[Depends(lambda: load("heavy_frontend"))])
front.frontend("/ui", directory=here)
app.include_router(front, prefix="/app")
app.frontend("/files", directory=here)
@app.get("/numbers/{{number}}")
def numbers(number: int, more: date, kind: Literal["a", "b"]):
    load("heavy_number")
@app.head("/head", include_in_schema=False)
def head():
    load("heavy_head")
async def bare(scope, receive, send):
    load("heavy_bare")
app.mount("/bare", bare)
class Endpoint(HTTPEndpoint):
    async def post(self, request):
        load("heavy_class")
app.routes.append(Route("/class/{{x:int}}", Endpoint))
mounted = FastAPI(openapi_url=None)
@mounted.post("/in/it")
def within():
    load("heavy_mounted")
app.mount("/static", mounted)
only = FastAPI(openapi_url=None, dependencies=[Depends(lambda: load("heavy_mounted_frontend"))])
only.frontend("/", directory=here)
app.mount("/only", only)
"""
INNER = "try:\n    import heavy_deep\nexcept ImportError:\n    pass\n"
HEAVY = [f"heavy_{name}" for name in (*WAYS, "thread", "lookup")]
PLAIN = "\nimport heavy_plain\n"


def argument(module: str, heavy: list[str] | None = None, attribute: str = "app") -> dict[str, Any]:
    return {"module": module, "attribute": attribute, "health": "/api/v1/health", "heavy": heavy or HEAVY}


def application(name: str) -> dict[str, str]:
    return {
        f"{name}/__init__.py": "",
        f"{name}/main.py": MAIN.format(name=name),
        f"{name}/deep/__init__.py": "from . import inner\n",
        f"{name}/deep/inner.py": INNER,
    }


@pytest.fixture(scope="module", params=["installed", "absent"])
def installed(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy packages are there to be imported."""
    return bool(request.param == "installed")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("application")


@pytest.fixture(scope="module")
def seen(directory: Path, *, installed: bool) -> dict[str, Any]:
    """What the probe reported of the application, and what became of it beside that."""
    where = directory / ("with" if installed else "without")
    write(where, application("shop"))
    if installed:
        write(where, {f"{name}/__init__.py": "" for name in HEAVY} | {"heavy_submodule/inner.py": "thing = 1\n"})
    return results(run(where, {"application": probe("application", argument("shop.main"))}))["application"]


@pytest.fixture(scope="module")
def report(seen: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = seen["report"]
    return document


@pytest.mark.parametrize("way", WAYS)
def test_an_attempt_is_recorded_with_phase_and_the_file_that_made_it(report: dict[str, Any], way: str) -> None:
    phase, file = WAYS[way]
    (attempt,) = [one for one in report["attempts"] if one["package"] == f"heavy_{way}"]
    assert attempt["phase"] == phase
    files = [Path(frame[0]) for frame in attempt["chain"]]
    assert str(files[-1]).endswith(f"/shop/{file}")


def test_an_attempt_is_recorded_with_the_line_that_made_it(report: dict[str, Any]) -> None:
    (attempt,) = [one for one in report["attempts"] if one["package"] == "heavy_guarded"]
    _file, line, function = attempt["chain"][-1]
    assert MAIN.format(name="shop").splitlines()[line - 1].strip() == "import heavy_guarded"
    assert function == "<module>"


def test_the_chain_leads_through_every_module_on_the_way(report: dict[str, Any]) -> None:
    (attempt,) = [one for one in report["attempts"] if one["package"] == "heavy_deep"]
    files = [str(Path(frame[0]).relative_to(Path(frame[0]).parents[2 if "deep" in frame[0] else 1]))
             for frame in attempt["chain"]]  # fmt: skip
    assert files == ["shop/main.py", "shop/deep/__init__.py", "shop/deep/inner.py"]


def test_the_chain_is_the_application_s_and_not_the_import_system_s(report: dict[str, Any]) -> None:
    frames = [frame[0] for attempt in report["attempts"] for frame in attempt["chain"]]
    assert not [file for file in frames if "importlib" in file or file == "<string>"]


def test_an_attempt_in_a_thread_is_recorded(report: dict[str, Any]) -> None:
    (attempt,) = [one for one in report["attempts"] if one["package"] == "heavy_thread"]
    assert attempt["phase"] in ("start", "use")


def test_looking_a_package_up_is_no_attempt(report: dict[str, Any]) -> None:
    assert "heavy_lookup" not in {one["package"] for one in report["attempts"]}


def test_an_application_that_starts_no_process_is_told_to_have_started_none(report: dict[str, Any]) -> None:
    assert report["processes"] == []


def test_no_package_is_recorded_twice_for_one_import(report: dict[str, Any]) -> None:
    packages = [one["package"] for one in report["attempts"]]
    assert sorted(packages) == sorted({*HEAVY} - {"heavy_lookup"})


def test_what_is_loaded_is_told_after_each_phase(report: dict[str, Any], *, installed: bool) -> None:
    counts = [report[f"loaded_{when}"]["modules"] for when in ("before", "after_import", "after_start", "after_use")]
    after_import = ["heavy_deep", "heavy_dynamic", "heavy_guarded", "heavy_submodule", "heavy_submodule.inner"]
    after_start = sorted([*after_import, "heavy_start", "heavy_task"])
    in_use = [f"heavy_{name}" for name, (phase, _) in WAYS.items() if phase == "use"]
    after_use = sorted([*after_start, *in_use, "heavy_thread"])[:20]  # as many as are told
    assert counts == ([[], after_import, after_start, after_use] if installed else [[], [], [], []])


def test_the_application_is_imported_started_and_used(report: dict[str, Any]) -> None:
    assert (report["imported"], report["is_fastapi"], report["started"]) == (True, True, True)
    assert report["kind"] == "fastapi.applications.FastAPI"
    assert report["new_modules"] > 50
    assert report["health"] == {"status": 200, "body": '{"status":"ok"}'}


def test_every_module_that_was_loaded_is_told_with_its_seconds_and_who_asked_for_it(report: dict[str, Any]) -> None:
    modules = {one["module"]: one for one in report["imports"]}
    (application,) = (one for one in report["imports"] if not one["by"])
    assert {"fastapi", "pydantic"} <= modules.keys()
    assert all(one["by"] in modules for one in report["imports"] if one is not application)
    assert modules["fastapi"]["seconds"] >= max(one["seconds"] for one in modules.values() if one["by"] == "fastapi")
    assert application["seconds"] <= report["import_seconds"] + 0.001
    assert sum(not one["failed"] for one in report["imports"]) > 50


def test_every_operation_mount_and_frontend_is_a_route(report: dict[str, Any]) -> None:
    assert sorted(map(tuple, report["routes"])) == [
        ("GET", "/api/v1/health"), ("GET", "/broken"), ("GET", "/missing"), ("GET", "/numbers/{number}"),
        ("GET", "/things/{name}"), ("GET", "/twice/included/started"), ("MOUNT", "/app/front/ui"), ("MOUNT", "/bare"),
        ("MOUNT", "/files"), ("MOUNT", "/only"), ("MOUNT", "/static"),
        ("MOUNT", "/twice/mount"), ("POST", "/things"), ("PUT", "/things"),
    ]  # fmt: skip


def test_every_operation_is_asked_with_values_that_pass_its_validation(report: dict[str, Any]) -> None:
    answers = report["answers"]
    assert {key: answers[key] for key in answers if "things" in key or "missing" in key} == {
        "GET /things/EURUSD": 200, "POST /things": 200, "PUT /things": 200, "GET /missing": 404,
    }  # fmt: skip


def test_an_operation_that_raises_is_told_as_500_and_the_others_are_asked_all_the_same(report: dict[str, Any]) -> None:
    assert report["answers"]["GET /broken"] == 500
    assert {"GET /api/v1/health", "GET /numbers/1?more=2024-01-01&kind=a", "GET /hidden/1"} < report["answers"].keys()
    assert sorted(report["asked"]) == sorted(["health", *report["planned"]])


def test_what_the_application_prints_does_not_disturb_the_report(seen: dict[str, Any]) -> None:
    assert (seen["outcome"], seen["exit_code"], seen.get("error", "")) == ("ended", 0, "")
    assert "error" not in seen["report"]


def test_what_the_application_prints_is_kept_beside_the_report(seen: dict[str, Any]) -> None:
    assert "noise while importing" in seen["printed"]
    assert "noise while serving" in seen["printed"]


def test_on_a_mac_the_modules_that_python_loaded_and_its_own_count_of_memory_are_told() -> None:
    of_linux: Any = probed
    assert any(json.__file__ in line for line in of_linux.mapped("/nonexistent"))
    assert of_linux.peak_memory("/nonexistent") > 1000
    assert of_linux.peak_memory() > 1_000_000
