"""An engine that breaks off exports, or makes no containers: a socket before the real one, which passes all else on.

One that breaks off does not say where it keeps the layers, so that nobody reads them there.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from deploy.engine.connection import Engine

EXPORT = b"/get HTTP/"  # GET /images/{name}/get, the engine's API for docker save
PASSED_ON = 1 << 20  # bytes of an export that come through
CREATE = b"/containers/create"  # POST, the engine's API for docker create
REFUSAL = "unable to apply cgroup configuration: mkdir /sys/fs/cgroup/docker: permission denied"
UNIX = "unix://"
PLACES, UNKNOWN = (
    b'"GraphDriver"',
    b'"graphDriver"',
)  # a key of what the engine says of an image, and one of as many bytes


Ask = Callable[[socket.socket, socket.socket, threading.Event], None]


@contextlib.contextmanager
def hindered(engine: Engine, directory: Path, *, refusing: bool = False) -> Iterator[Engine]:
    """Yield the engine as seen through the socket; only an engine with a socket of its own can be seen so.

    ``refusing``: it makes no containers. Else it breaks off exports.
    """
    path, ask = directory / "hindered.sock", _refuse if refusing else _ask
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=_accept, args=(listening, engine.endpoint.removeprefix(UNIX), ask), daemon=True).start()
        try:
            yield replace(engine, endpoint=f"{UNIX}{path}")
        finally:
            path.unlink()
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, engine: str, ask: Ask) -> None:
    with contextlib.suppress(OSError):  # the listening socket is closed at the end
        while True:
            client, _ = listening.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(engine)
            exporting = threading.Event()
            for function, arguments in ((ask, (client, server, exporting)), (_answer, (server, client, exporting))):
                threading.Thread(target=function, args=arguments, daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, exporting: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while block := client.recv(1 << 16):
            if EXPORT in block:
                exporting.set()
            server.sendall(block)
        server.shutdown(socket.SHUT_WR)


def _refuse(client: socket.socket, server: socket.socket, _exporting: threading.Event) -> None:
    """Pass on what is asked, and answer the request for a container in the engine's place."""
    with contextlib.suppress(OSError):
        while block := client.recv(1 << 16):
            if CREATE in block.partition(b"\r\n")[0]:
                body = json.dumps({"message": REFUSAL}).encode()
                head = f"HTTP/1.1 500 Error\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
                break
            server.sendall(block)
        server.shutdown(socket.SHUT_WR)


def _answer(server: socket.socket, client: socket.socket, exporting: threading.Event) -> None:
    passed = 0
    with contextlib.suppress(OSError), client, server:
        while (block := server.recv(1 << 16)) and not (exporting.is_set() and passed > PASSED_ON):
            passed += len(block)
            client.sendall(block.replace(PLACES, UNKNOWN))
        client.shutdown(socket.SHUT_RDWR)  # closing alone is not seen while the other thread reads
