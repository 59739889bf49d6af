"""Long and broken uploads to a running backend: memory stays bounded, and nothing is left."""

import select
import socket
import time
from pathlib import Path

import httpx

from ktrdr.api.bodies import limit_for
from ktrdr.backup.place import LOCK
from ktrdr.model_files import MIB
from tests.api.backend import Backend

PATH = "/api/v1/data/EURUSD/1h"
HEADER = b"timestamp,open,high,low,close,volume\n"
FIRST = b"2024-01-01T00:00:00Z,1,2,0.5,1,10\n"
HUNDRED_MB = 100_000_000


def files(backend: Backend) -> list[str]:
    """What lies in the data directory beside the store, and the lock of the backend at work."""
    return sorted(path.name for path in backend.data.iterdir() if not path.name.startswith(("ktrdr.db", LOCK)))


def until_no_upload(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while list(folder.glob(".upload-*")):
        assert time.monotonic() < deadline, "the backend keeps a file of an upload that has ended"
        time.sleep(0.02)  # the condition is the loop's


def test_100_mb_that_are_announced_are_refused_before_any_of_it_is_read(backend: Backend) -> None:
    with socket.create_connection(("127.0.0.1", backend.port), timeout=10) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {HUNDRED_MB}\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert files(backend) == []


def test_a_stream_of_100_mb_is_refused_at_the_limit_in_bounded_memory(backend: Backend, api: httpx.Client) -> None:
    api.get("data/symbols")
    before = backend.peak_mib()
    block = (b"x" * 499 + b"\n") * 200
    chunk = b"%x\r\n%b\r\n" % (len(block), block)
    sent = 0
    with socket.create_connection(("127.0.0.1", backend.port), timeout=30) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        while sent < HUNDRED_MB and not select.select([connection], [], [], 0)[0]:
            connection.sendall(chunk)
            sent += len(block)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert limit_for(PATH) < sent < limit_for(PATH) + 16 * MIB  # what sockets and the server hold is on its way
    until_no_upload(backend.data)
    assert files(backend) == []
    assert backend.peak_mib() - before < 16
    assert api.get("health").status_code == 200


def test_a_client_that_sends_on_regardless_gets_its_answer_too(backend: Backend, api: httpx.Client) -> None:
    answer = api.post("data/EURUSD/1h", content=(b"x" * MIB for _ in range(96)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "content_too_large")
    assert files(backend) == []


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(backend: Backend, api: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", backend.port), timeout=10) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * MIB}\r\nContent-Type: text/csv\r\n\r\n"
        connection.sendall(head.encode() + HEADER + FIRST)
        deadline = time.monotonic() + 10
        while not list(backend.data.glob(".upload-*")):
            assert time.monotonic() < deadline, "the upload has not begun"
            time.sleep(0.02)  # the condition is the loop's
    until_no_upload(backend.data)
    assert files(backend) == []
    assert api.get("health").status_code == 200
    assert "Traceback" not in backend.log


def test_a_bad_text_that_is_sent_whole_gets_its_reason_however_long_it_is(backend: Backend, api: httpx.Client) -> None:
    text = b"wrong header\n" + FIRST * (30 * MIB // len(FIRST))
    answer = api.post("data/EURUSD/1h", content=text)
    assert (answer.status_code, answer.json()["error"]["details"]["rejected"][0]["line"]) == (422, 1)
    assert files(backend) == []


def test_routine_requests_do_not_fill_the_log(backend: Backend, api: httpx.Client) -> None:
    for _ in range(3):
        assert api.get("health").status_code == 200
    api.get("strategies")
    backend.until_logged("GET /api/v1/strategies")
    assert "/health" not in backend.log
