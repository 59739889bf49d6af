"""An operation that hangs, ends its process or never ends its answer is named, and loses no answer but its own."""

from typing import Any

import pytest

from tests.support.probing import SECONDS, own, results, run, write
from verify.observe.probe_reports import ApplicationReport
from verify.observe.requests import source

BEGINNING = """
import asyncio, ctypes, importlib.util, os, sys, time, types
from contextlib import asynccontextmanager
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
app = FastAPI()
@app.get("/api/v1/health")
def health():
    return {"status": "ok"}
@app.get("/z")
def z():
    try:
        import heavy_late
    except ImportError:
        return {}
"""
DEADLY = """
@app.get("/exits")
def exits():
    os._exit(3)
@app.get("/reads")
async def reads():
    ctypes.string_at(0)
@app.get("/sleeps")
def sleeps():
    time.sleep(10**6)
@app.get("/blocks")
async def blocks():
    time.sleep(10**6)
@app.get("/ignores")
async def ignores():
    while True:
        try:
            await asyncio.sleep(10**6)
        except asyncio.CancelledError:
            pass
@app.websocket("/socket")
async def socket(socket: WebSocket):
    os._exit(4)
"""
STREAMS = """
def streaming(pause, kind):
    async def parts():
        while True:
            yield b"data: 1\\n\\n"
            await asyncio.sleep(pause)
    return StreamingResponse(parts(), media_type=kind)
@app.get("/events")
async def events():
    return streaming(0.05, "text/event-stream")
@app.get("/silent")
async def silent():
    return streaming(10**6, "text/event-stream")
@app.get("/lines")
async def lines():
    return streaming(0.05, "application/x-ndjson")
"""
NAMED = """
def lazily(name):
    spec = importlib.util.find_spec(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
lazily("heavy_lazy")
lazily("heavy_used")
sys.modules["heavy_used"].name
sys.modules["heavy_made"] = importlib.util.module_from_spec(importlib.util.find_spec("heavy_made"))
sys.modules["heavy_empty"] = types.ModuleType("heavy_empty")
sys.modules["heavy_none"] = None
"""
STOPPING = """
@asynccontextmanager
async def lifespan(app):
    yield
    os._exit(6)
app.router.lifespan_context = lifespan
"""
UNLISTABLE = "@app.get('/x')\ndef x(one: 'Missing'): ...\n"
STARTING = """
@asynccontextmanager
async def never(app):
    time.sleep(10**6)
    yield
app.router.lifespan_context = never
"""
APPLICATIONS = {
    "deadly": DEADLY, "streams": STREAMS, "named": NAMED, "stopping": STOPPING, "unlistable": UNLISTABLE,
    "starting": STARTING,
}  # fmt: skip
HEAVY = [f"heavy_{name}" for name in ("lazy", "used", "made", "empty", "none", "late")]
# Seconds of the probe, for tests that wait for none in vain
SHORTER = {
    "IMPORT_SECONDS, START_SECONDS, OPERATION_SECONDS, STOP_SECONDS = 100.0, 40.0, 20.0, 30.0":
        "IMPORT_SECONDS, START_SECONDS, OPERATION_SECONDS, STOP_SECONDS = 15.0, 4.0, 5.0, 9.0",
    "REQUEST_SECONDS = 10.0": "REQUEST_SECONDS = 1.0",
    "BODY_SECONDS = 3.0": "BODY_SECONDS = 0.3",
}  # fmt: skip


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    where, text = tmp_path_factory.mktemp("deadly"), source("application")
    for long, short in SHORTER.items():
        assert long in text
        text = text.replace(long, short)
    write(where, {f"{name}.py": BEGINNING + more for name, more in APPLICATIONS.items()})
    write(where, {f"{name}/__init__.py": "name = 1\n" for name in HEAVY[:3]})
    argument = {"attribute": "app", "health": "/api/v1/health", "heavy": HEAVY}
    found: dict[str, dict[str, Any]] = {}
    names = list(APPLICATIONS)
    for some in (names[:3], names[3:]):
        probes = {name: own(text, {**argument, "module": name}, 3 * SECONDS) for name in some}
        found |= results(run(where, probes))
    return {name: found[name]["report"] for name in names}


def test_each_operation_that_is_deadly_or_hangs_is_named_with_what_it_did(reports: dict[str, dict[str, Any]]) -> None:
    assert {name: lost["how"].partition(";")[0] for name, lost in reports["deadly"]["lost"].items()} == {
        "GET /exits": "it ended its process with 3",
        "GET /reads": "it ended its process with -11",
        "GET /sleeps": "no answer within 1 s",
        "GET /blocks": "no end within 5 s",
        "GET /ignores": "no answer within 1 s",
        "WEBSOCKET /socket": "it ended its process with 4",
    }
    assert [name for name, lost in reports["deadly"]["lost"].items() if lost.get("late")] == ["GET /blocks"]
    assert reports["deadly"]["lost"]["GET /reads"]["how"].endswith("; GET /exits came before it")


def test_no_other_operation_and_no_phase_is_lost_with_it(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["deadly"]
    assert (report["imported"], report["started"], report["health"]["status"]) == (True, True, 200)
    assert {status for name, status in report["answers"].items() if name not in report["lost"]} == {200}
    assert {"GET /api/v1/health", "GET /z", "GET /docs"} < report["answers"].keys()
    assert {"GET /", "GET /nowhere"} < report["digests"].keys()
    assert ApplicationReport.model_validate(report).unasked == []
    assert report["loaded_after_use"]["count"] == 0
    assert [(one["package"], one["phase"]) for one in report["attempts"]] == [("heavy_late", "use")]


def test_an_operation_is_asked_once_however_often_the_application_is_started(
    reports: dict[str, dict[str, Any]],
) -> None:
    asked = reports["deadly"]["asked"]
    assert len(asked) == len(set(asked))


def test_a_stream_that_never_ends_answers_with_its_status(reports: dict[str, dict[str, Any]]) -> None:
    answers = reports["streams"]["answers"]
    assert {answers[f"GET /{name}"] for name in ("events", "silent", "lines")} == {200}
    assert "lost" not in reports["streams"]
    assert reports["streams"]["loaded_after_use"]["count"] == 0


def test_a_module_that_nobody_executed_is_not_loaded_and_one_that_was_used_is(
    reports: dict[str, dict[str, Any]],
) -> None:
    assert reports["named"]["loaded_after_import"]["modules"] == ["heavy_used"]


def test_a_shutdown_that_ends_the_process_is_told_and_costs_no_answer(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["stopping"]
    assert report["lost"] == {"stop": {"how": "it ended its process with 6", "late": False, "unseen": False}}
    assert report["answers"]["GET /z"] == 200
    assert "loaded_after_use" in report


def test_an_application_whose_document_cannot_be_made_is_started_and_asked_all_the_same(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["unlistable"]
    assert "Missing" in report["lost"]["routes"]["how"]
    assert (report["started"], report["routes"], report["answers"]["GET /z"]) == (True, [], 200)


def test_a_start_up_that_never_ends_loses_what_comes_after_it_and_nothing_else(
    reports: dict[str, dict[str, Any]],
) -> None:
    report = reports["starting"]
    assert report["lost"] == {"start": {"how": "no end within 4 s", "late": True, "unseen": False}}
    assert report["imported"] is True
    assert ["GET", "/z"] in report["routes"]
    assert "started" not in report
