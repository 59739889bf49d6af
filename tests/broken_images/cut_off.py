"""An engine that breaks off while it exports an image: a socket before the real one, which passes all else on.

It does not say where it keeps the layers, so that nobody reads them there.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from deploy.engine.connection import Engine

EXPORT = b"/get HTTP/"  # GET /images/{name}/get, the engine's API for docker save
PASSED_ON = 1 << 20  # bytes of an export that come through
UNIX = "unix://"
PLACES, UNKNOWN = (
    b'"GraphDriver"',
    b'"graphDriver"',
)  # a key of what the engine says of an image, and one of as many bytes


@contextlib.contextmanager
def cut_off(engine: Engine, directory: Path) -> Iterator[Engine]:
    """Yield the engine as seen through the socket; only an engine with a socket of its own can be seen so."""
    path = directory / "cut-off.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=_accept, args=(listening, engine.endpoint.removeprefix(UNIX)), daemon=True).start()
        try:
            yield replace(engine, endpoint=f"{UNIX}{path}")
        finally:
            path.unlink()
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, engine: str) -> None:
    with contextlib.suppress(OSError):  # the listening socket is closed at the end
        while True:
            client, _ = listening.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(engine)
            exporting = threading.Event()
            for function, arguments in ((_ask, (client, server, exporting)), (_answer, (server, client, exporting))):
                threading.Thread(target=function, args=arguments, daemon=True).start()


def _ask(client: socket.socket, server: socket.socket, exporting: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while block := client.recv(1 << 16):
            if EXPORT in block:
                exporting.set()
            server.sendall(block)
        server.shutdown(socket.SHUT_WR)


def _answer(server: socket.socket, client: socket.socket, exporting: threading.Event) -> None:
    passed = 0
    with contextlib.suppress(OSError), client, server:
        while (block := server.recv(1 << 16)) and not (exporting.is_set() and passed > PASSED_ON):
            passed += len(block)
            client.sendall(block.replace(PLACES, UNKNOWN))
        client.shutdown(socket.SHUT_RDWR)  # closing alone is not seen while the other thread reads
