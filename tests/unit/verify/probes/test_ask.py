"""What asks a server inside a container always prints one answer, whatever the server does."""

import importlib
import itertools
import json
import mmap
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import HEALTH, answering, nobody, publishing, speaking, streaming
from verify.observe.probe_reports import Answer, Memory, Published
from verify.observe.requests import source

probe: Any = importlib.import_module("verify.probes.ask")


def ask(port: str) -> dict[str, Any]:
    command = [sys.executable, "-c", source("ask"), f"http://127.0.0.1:{port}{HEALTH}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    report: dict[str, Any] = json.loads(done.stdout)
    Answer.model_validate(report)
    Memory.model_validate(report)
    return report


@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_answer_is_told_with_status_and_body(status: int) -> None:
    with answering(status, b'{"status": "ok"}') as port:
        report = ask(port)
    assert (report["status"], report["body"]) == (status, '{"status": "ok"}')


def test_a_body_that_is_no_text_is_told_all_the_same() -> None:
    with answering(200, b"\xff") as port:
        assert ask(port)["body"] == "�"


def test_a_long_body_is_cut() -> None:
    with answering(200, b"x" * 100_000) as port:
        assert len(ask(port)["body"]) == 4000


@pytest.mark.parametrize("pause", [0.01, 60.0], ids=["that never ends", "that never comes"])
def test_of_a_body_status_kind_and_beginning_are_told(monkeypatch: pytest.MonkeyPatch, pause: float) -> None:
    monkeypatch.setattr(probe, "BODY_SECONDS", 0.5)
    with streaming(b"data: 1\n\n", pause) as port:
        status, kind, body = probe.ask(f"http://127.0.0.1:{port}{HEALTH}", 1_000_000)
    assert (status, kind) == (200, "text/event-stream")
    assert body.startswith("data: 1\n\n")
    assert len(body) < 1000


def test_a_body_in_chunks_is_read_to_its_end() -> None:
    with streaming(b"x" * 1000, 0.0, parts=50) as port:
        assert len(probe.ask(f"http://127.0.0.1:{port}{HEALTH}", 1_000_000)[2]) == 50_000


def test_a_server_that_is_not_there_is_told_by_the_error() -> None:
    report = ask(nobody())
    assert report["status"] == 0
    assert "refused" in report["body"]


def test_a_server_that_speaks_something_else_is_told_by_the_error() -> None:
    with speaking(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        assert ask(port)["status"] == 0


def test_the_native_libraries_of_processes_are_told_by_package() -> None:
    report = ask(nobody())
    assert report["processes"] > 0
    assert "pydantic_core" in report["packages"]  # this very process's


@pytest.mark.parametrize(
    ("name", "told"), [("libtorch_cpu.so", True), ("libc10-0a.so.2", True), ("libother.so", False)]
)
def test_torch_in_memory_is_told_wherever_its_library_lies(tmp_path: Path, name: str, told: bool) -> None:  # noqa: FBT001 - a parameter of the test
    library = tmp_path / name
    library.write_bytes(bytes(mmap.PAGESIZE))
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        library.unlink()  # what is deleted stays in memory
        (tmp_path / "maps").write_text(Path("/proc/self/maps").read_text(encoding="utf-8"), encoding="utf-8")
    assert ("torch" in probe.memory(str(tmp_path / "maps"))["packages"]) is told


@pytest.mark.parametrize(("refusals", "unreadable"), [(3, 0), (10**9, 1)])
def test_a_process_that_is_only_being_started_hides_nothing_and_one_that_stays_closed_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusals: int, unreadable: int
) -> None:
    path, tries = tmp_path / "maps", itertools.count(1)
    path.write_text("0-1 r-xp 0 0:0 0  /opt/heavy/libheavy.so\n", encoding="utf-8")

    def opened(file: str, **options: Any) -> Any:
        if next(tries) <= refusals:
            raise PermissionError(file)
        return Path(file).open(**options)

    monkeypatch.setattr(probe, "open", opened, raising=False)
    monkeypatch.setattr(probe, "BEGINNING_SECONDS", 0.5)
    found = probe.memory(str(path))
    assert (found["unreadable"], found["processes"]) == (unreadable, 1 - unreadable)


def test_an_answer_that_leads_elsewhere_is_not_followed() -> None:
    with answering(302, b"") as port:
        assert ask(port)["status"] == 302


def test_every_operation_of_the_server_s_own_document_is_asked_and_paths_that_it_does_not_name() -> None:
    document = {"paths": {"/api/v1/health": {"get": {}}, "/things/{name}": {"delete": {}, "parameters": []}}}
    with publishing(document) as port:
        report = ask(port)
    assert report["routes"] == [["DELETE", "/things/{name}"], ["GET", "/api/v1/health"]]
    assert list(report["answers"]) == [
        "GET /api/v1/health", "DELETE /things/EURUSD", "GET /", "GET /nowhere", "GET /api/v1/nowhere",
    ]  # fmt: skip
    assert [one.partition(" ")[0] for one in report["answers"].values()] == ["200", "501", "404", "404", "404"]


def test_what_there_is_no_time_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ASKING_SECONDS", 0.0)
    assert probe.answers({"paths": {"/x": {"get": {}}}}) == (
        {},
        ["GET /x", "GET /", "GET /nowhere", "GET /api/v1/nowhere"],
    )


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")], ids=["IPv4", "IPv6"]
)
def test_who_takes_datagrams_from_anyone_is_told_and_who_is_connected_is_not(
    family: socket.AddressFamily, address: str
) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as anyone, socket.socket(family, socket.SOCK_DGRAM) as connected:
        anyone.bind(("", 0))
        connected.bind(("", 0))
        connected.connect((address, 9))
        told = ask(nobody())["datagrams"]
        assert [one.getsockname()[1] in told for one in (anyone, connected)] == [True, False]


@pytest.mark.parametrize("document", [[], {}, {"paths": []}, {"paths": {"/x": {"get": []}}}, {"paths": {"/x": 5}}])
def test_a_document_that_no_application_writes_leads_to_no_answers(document: Any) -> None:
    with publishing(document) as port:
        report = ask(port)
    assert report["answers"] == {}
    Published.model_validate(report)


@pytest.mark.parametrize("place", ["/api/v1/openapi.json", "/openapi.json"])
def test_operations_are_looked_for_where_the_application_publishes_them(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def ask(address: str, _at_most: int) -> tuple[int, str, str]:
        known = address == f"http://127.0.0.1:8000{place}"
        return (200, "", '{"paths": {"/x": {"get": {}}}}') if known else (404, "", "{}")

    monkeypatch.setattr(probe, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["ask", f"http://127.0.0.1:8000{HEALTH}"])
    assert probe.published(place)[1] == [["GET", "/x"]]


def test_a_server_that_comes_up_late_is_waited_for_and_then_asked() -> None:
    port, late = nobody(), threading.Event()

    def serve() -> None:
        late.wait(10)
        with HTTPServer(("127.0.0.1", int(port)), Serving) as server:
            server.handle_request()

    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    asked, inner = list[int](), probe.ask

    def ask(address: str, at_most: int) -> Any:
        answer = inner(address, at_most)
        asked.append(answer[0])
        late.set()  # nobody answered the first time
        return answer

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "ask", ask)
        patch.setattr(sys, "argv", ["ask", f"http://127.0.0.1:{port}{HEALTH}"])
        assert probe.first_answer(20.0)[0] == 200
    assert asked[0] == 0
    thread.join(10)


def test_a_server_that_is_not_waited_for_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def ask(address: str, _at_most: int) -> tuple[int, str, str]:
        asked.append(address)
        return 0, "", "refused"

    monkeypatch.setattr(probe, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["ask", "http://127.0.0.1:1/x"])
    assert probe.first_answer(0.0) == (0, "", "refused")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("program", "words", "watched"),
    [
        ("/usr/local/bin/python3.11", ["python", "-m", "uvicorn"], True),
        ("/usr/bin/qemu-aarch64-static", ["/usr/bin/qemu-aarch64-static", "python", "-m", "uvicorn"], True),
        ("/run/rosetta/rosetta", ["/run/rosetta/rosetta", "/usr/bin/python3", "python", "-m", "uvicorn"], True),
        ("/usr/local/bin/python3.11", ["qemu-aarch64-static", "python", "-m", "uvicorn"], False),
        ("/usr/bin/qemu-aarch64-static", ["/usr/bin/qemu-aarch64-static", "python", "-c", "import torch"], False),
        ("/opt/qemu-tool/python3", ["x", "python", "-m", "uvicorn"], False),
    ],
)
def test_under_an_emulator_the_words_that_the_program_itself_noted_come_after_it(
    program: str, words: list[str], *, watched: bool
) -> None:
    process = probe.Process(os.getpid())
    process.program, process.words, process.environ = program, words, [b"PYTHONPATH=/watch"]
    assert process.is_watched("/watch", [["python", "-m", "uvicorn"]]) is watched
