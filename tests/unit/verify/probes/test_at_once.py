"""A server that serves several clients at once is told from one that does not, whatever it does instead."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from tests.support.servers import HEALTH, Server, answering, nobody, running, silent, speaking
from verify.observe.server_report import AtOnce

probe: Any = importlib.import_module("verify.probes.at_once")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be over soon for a server that does not answer."""
    monkeypatch.setattr(probe, "AT_ONCE_SECONDS", 0.5)


def asked(
    port: str, alone: dict[str, str] | None = None, *calls: tuple[str, str, dict[str, str], bytes | None]
) -> AtOnce:
    return AtOnce.model_validate(probe.at_once(f"http://127.0.0.1:{port}{HEALTH}", alone or {}, calls, {}))


@contextmanager
def one_by_one() -> Iterator[str]:
    """A server that finishes with one connection before it takes the next; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield str(server.server_address[1])
        server.shutdown()


@contextmanager
def endless() -> Iterator[str]:
    """A server whose answers never end; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(b"data: 1\n\n")
                self.rfile.read(1)  # until the client has enough

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), Handler) as server, running(server):
        yield str(server.server_address[1])


def test_a_server_with_a_thread_a_client_answers_all_although_some_are_slow() -> None:
    with answering(200, b"{}") as port:
        assert asked(port) == AtOnce(asked=8, refused=[])


def test_whatever_was_answered_alone_is_asked_again_but_what_was_refused() -> None:
    alone = {"GET /a": "404 x", "GET /b?c=1": "200 x", "POST /d": "200 x", "GET /e": "503 x", "GET /f": "0 x"}
    with answering(200, b"{}") as port:
        assert asked(port, alone) == AtOnce(asked=10, refused=[])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_is_told_with_its_status(status: int) -> None:
    with answering(status, b"") as port:
        assert asked(port).refused == [f"GET {HEALTH}: {status}"] * 8


@contextmanager
def one_writer_at_a_time(status: int) -> Iterator[str]:
    """A server that answers so to whoever writes while another one does; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        writers: ClassVar[list[str]] = []
        pair = threading.Barrier(2)

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if "X-Key" in self.headers:  # else it is one of the slow ones
                self.writers.append(f"{self.headers['X-Key']} {body}")
                self.send_response(status if self.pair.wait(timeout=10) else 200)
                self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), Handler) as server, running(server):
        yield str(server.server_address[1])
    assert Handler.writers == ["a {}"] * 2


@pytest.mark.parametrize(("status", "refused"), [(200, 0), (409, 0), (429, 0), (500, 1), (502, 1), (503, 0)])
def test_what_changes_something_is_sent_twice_at_once_and_may_be_told_that_the_other_is_at_work(
    status: int, refused: int
) -> None:
    alone = {"POST /a": "201 x", "POST /b": "500 x", "DELETE /c": "0 x"}
    calls = [(key.partition(" ")[0], key.partition(" ")[2], {"X-Key": key[-1]}, b"{}") for key in alone]
    with one_writer_at_a_time(status) as port:
        assert asked(port, alone, *calls) == AtOnce(asked=10, refused=[f"POST /a: {status}"] * refused)


@pytest.mark.usefixtures("soon")
def test_a_server_that_finishes_with_one_client_before_the_next_is_told() -> None:
    with one_by_one() as port:
        assert asked(port).refused == [f"GET {HEALTH}: TimeoutError: timed out"] * 8


def test_an_answer_that_never_ends_is_an_answer() -> None:
    with endless() as port:
        assert asked(port).refused == []


@pytest.mark.usefixtures("soon")
def test_who_does_not_answer_is_told_by_the_error() -> None:
    assert all("refused" in one for one in asked(nobody()).refused)
    with silent() as port:
        assert all("timed out" in one for one in asked(port).refused)
    with speaking(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        assert len(asked(port).refused) == 8


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"paths": {"/x/{y}": {"post": {"requestBody": {}}}, "/x": {"post": {"requestBody": {}}}}}, "/x"),
        ({"paths": {"/x": {"post": {}}, "/y": {"get": {}}}}, HEALTH),
        ({}, HEALTH),
    ],
)
def test_slow_clients_stay_in_a_head_and_in_a_body(document: Any, path: str) -> None:
    where = probe.urllib.parse.urlsplit(f"http://127.0.0.1:8000{HEALTH}")
    head, body, *others = probe.slow_requests(where, document)
    assert head.startswith(f"GET {HEALTH} HTTP/1.1\r\n".encode())
    assert not head.endswith(b"\r\n\r\n")
    assert body.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert len(body.partition(b"\r\n\r\n")[2]) < 100
    assert others == [head, body]
