"""A small HTTP server on the loopback, for the tests of what asks one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer

HEALTH = "/api/v1/health"


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server whose health route answers so; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == HEALTH else 404)
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
