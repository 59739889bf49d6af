"""The images' health check."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ktrdr.healthcheck import check, main

ANSWERS = {
    "/ok": (200, b'{"status": "ok"}'),
    "/sick": (503, b'{"status": "unavailable", "reason": "the store is gone"}'),
    "/other": (200, b'{"status": "degraded"}'),
    "/text": (200, b"ok"),
    "/list": (200, b'["ok"]'),
}


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_only_200_with_status_ok_is_healthy(url: str) -> None:
    assert {path: check(url + path)[0] for path in ANSWERS} == {
        "/ok": True, "/sick": False, "/other": False, "/text": False, "/list": False,
    }  # fmt: skip


def test_the_reason_is_printed_for_the_engines_health_log(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([url + "/sick"]) == 1
    assert "the store is gone" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/health", "https://127.0.0.1/health", "nonsense", "http://"])
def test_no_answer_is_not_healthy(address: str) -> None:
    assert check(address, timeout_s=0.5)[0] is False


def test_a_wrong_call_says_how_it_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
