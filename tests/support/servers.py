"""A small HTTP server on the loopback, for the tests of what asks one."""

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

HEALTH = "/api/v1/health"


def publishing(document: Any) -> AbstractContextManager[str]:
    """A server that publishes an OpenAPI document, and answers its health route; yields its port."""
    return answering(200, json.dumps(document).encode(), (HEALTH, "/openapi.json"))


@contextmanager
def answering(status: int, body: bytes, paths: tuple[str, ...] = (HEALTH,)) -> Iterator[str]:
    """A server whose health route, or other paths, answer so; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path in paths else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, running(server):
        yield str(server.server_address[1])


@contextmanager
def speaking(words: bytes) -> Iterator[str]:
    """A server that says these words and hangs up: no HTTP; yields its port."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(words)

    with TCPServer(("127.0.0.1", 0), Handler) as server, running(server):
        yield str(server.server_address[1])


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing; yields its port."""
    with TCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
        yield str(server.server_address[1])


@contextmanager
def running(server: TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def nobody() -> str:
    """A port on which nothing listens."""
    with TCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
        return str(server.server_address[1])
