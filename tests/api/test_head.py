"""HEAD over a real connection, as monitors ask."""

import http.client

import pytest

from tests.api.backend import Backend


@pytest.mark.parametrize("path", ["/api/v1/health", "/metrics", "/api/v1/indicators", "/", "/page/style.css"])
def test_no_byte_of_a_body_follows_and_the_connection_goes_on(backend: Backend, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=10)
    try:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read()
            assert (answer.status, bool(content)) == (200, method == "GET")
            assert int(answer.headers["content-length"]) > 0
    finally:
        connection.close()


def test_what_monitors_ask_by_head_does_not_fill_the_log(backend: Backend) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=10)
    for path in ("/api/v1/health", "/metrics", "/api/v1/models"):
        connection.request("HEAD", path)
        connection.getresponse().read()
    connection.close()
    backend.until_logged("HEAD /api/v1/models")
    assert "HEAD /api/v1/health" not in backend.log
    assert "HEAD /metrics" not in backend.log
