"""Clients that are slow or silent are sent away, those that move on are not. Stopping takes a short time."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr.api import connections
from ktrdr.commands.api import SHUTDOWN_S
from ktrdr.model_files import MIB
from tests.api.backend import Backend
from tests.api.extremes import archive
from tests.api.population import keep_model

HEAD = b"POST /api/v1/data/EURUSD/1h HTTP/1.1\r\nHost: x\r\n"
BODY = HEAD + b"Content-Length: 10000000\r\n\r\ntimestamp,open,high,low,close,volume\n"
WEIGHTS = 24 * MIB
ENGINE_S = 10.0
"""What an engine waits before it kills."""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with Backend(tmp_path_factory.mktemp("hasty") / "data", "tests.api.hasty:app") as backend:
        with backend.api as api:
            keep_model(api, "m", archive(WEIGHTS))
        yield backend


def connect(backend: Backend, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", backend.port), timeout=20)
    connection.sendall(sent)
    return connection


def seconds_until_closed(connection: socket.socket) -> float:
    """Wait until the other side has closed a connection, reading nothing before that."""
    began = time.monotonic()
    with connection, contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return time.monotonic() - began


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /api/v1/health HTTP/1.1\r\nHost:",
        b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
        HEAD,
        BODY,
        BODY + b"2024-01-01T00:00:00Z,1,2,0.5,1,10\n" * 1000,
    ],
    ids=["nothing", "half a head", "half a second head", "no end of the head", "half a body", "more of a body"],
)
def test_half_a_request_is_closed(hasty: Backend, sent: bytes) -> None:
    assert 0.5 < seconds_until_closed(connect(hasty, sent)) < 10


def trickle(connection: socket.socket, seconds: float) -> None:
    """Send ten bytes a second; ConnectionError once the other side has closed the connection."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(b"x")
        time.sleep(0.1)


def test_a_head_that_comes_byte_by_byte_is_closed_too(hasty: Backend) -> None:
    with connect(hasty, HEAD) as connection, pytest.raises(ConnectionError):
        trickle(connection, 10)


def test_a_body_that_comes_byte_by_byte_is_closed_and_leaves_nothing(hasty: Backend) -> None:
    with connect(hasty, BODY) as connection, pytest.raises(ConnectionError):
        trickle(connection, 15)
    assert not list(hasty.data.glob(".upload-*"))


def test_an_answer_that_nobody_reads_is_broken_off(hasty: Backend) -> None:
    ask = b"GET /api/v1/models/m/archive HTTP/1.1\r\nHost: x\r\n\r\n"
    silent = [connect(hasty, ask) for _ in range(5)]
    time.sleep(6)
    for connection in silent:
        got = 0
        with connection, contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                got += len(part)
        assert got < WEIGHTS
    with hasty.api as api:
        assert api.get("models").status_code == 200


def test_a_slow_client_that_moves_on_gets_its_whole_answer(hasty: Backend) -> None:
    got = 0
    with connect(hasty, b"GET /api/v1/models/m/archive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as connection:
        while part := connection.recv(512 * 1024):
            got += len(part)
            time.sleep(0.05)
    assert got > WEIGHTS


def test_a_slow_upload_that_moves_on_is_stored(hasty: Backend) -> None:
    row = "2024-01-{:02}T{:02}:00:00Z,1,2,0.5,1,10\n"
    rows = "".join(row.format(1 + hour // 24, hour % 24) for hour in range(480)).encode()
    body = b"timestamp,open,high,low,close,volume\n" + rows
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connect(hasty, head) as connection:
        for start in range(0, len(body), 2048):
            connection.sendall(body[start : start + 2048])
            time.sleep(0.3)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_no_more_connections_are_kept_than_there_is_memory_for(hasty: Backend) -> None:
    many = [connect(hasty, b"") for _ in range(connections.CONNECTIONS_LIMIT + 20)]
    with contextlib.suppress(ConnectionError):
        assert many[-1].recv(1) == b""
    for connection in many:
        connection.close()
    with hasty.api as api:
        assert api.get("health").status_code == 200


def test_a_stop_ends_before_an_engine_kills_whatever_is_open(tmp_path: Path) -> None:
    with Backend(tmp_path / "data") as backend:
        opened = [connect(backend, BODY) for _ in range(100)]
        with backend.api as api:
            api.get("health")
        began = time.monotonic()
        backend.stop()
        took = time.monotonic() - began
        for connection in opened:
            connection.close()
    assert SHUTDOWN_S <= took < ENGINE_S
    assert re.search(r"Cancel 100 running task\(s\)", backend.log)
    assert "Traceback" not in backend.log
    assert backend.log.count("503 Service Unavailable") == 100
    assert not list(backend.data.glob(".upload-*"))


def test_the_image_s_command_has_the_limits() -> None:
    text = Path("deploy/docker/Dockerfile.backend").read_text(encoding="utf-8")
    (command,) = re.findall(r"^CMD (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    words = json.loads(command.replace("\\\n", ""))
    limits = ["--http", f"{connections.__name__}:Connection", "--timeout-graceful-shutdown", str(SHUTDOWN_S)]
    assert words[-4:] == limits
