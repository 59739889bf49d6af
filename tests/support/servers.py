"""A small HTTP server on the loopback, for the tests of what asks one."""

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

HEALTH = "/api/v1/health"


class Server(ThreadingHTTPServer):
    """A server with a thread for each connection, of which more may wait than are made at once."""

    request_queue_size = 64
    daemon_threads = True


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

    with Server(("127.0.0.1", 0), Handler) as server, running(server):
        yield str(server.server_address[1])


@contextmanager
def streaming(part: bytes, pause: float, parts: int | None = None) -> Iterator[str]:
    """A server that answers in so many parts, without end where there is no number; yields its port."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with suppress(OSError):
                for _ in iter(int, 1) if parts is None else range(parts):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    if ended.wait(pause):
                        return
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), Handler) as server, running(server):
        try:
            yield str(server.server_address[1])
        finally:
            ended.set()


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
