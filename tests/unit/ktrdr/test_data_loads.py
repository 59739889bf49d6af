"""Uploads as operations."""

import asyncio
import errno
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.data.files import DataDirectory
from ktrdr.settings import Settings

HEADER = "timestamp,open,high,low,close,volume\n"
ROWS = HEADER + "2024-01-01T00:00:00Z,1,2,0.5,1,10\n2024-01-01T01:00:00Z,1,2,0.5,1,10\n"


def loads(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("operations", params={"operation_type": "data_load"}).json()["operations"]
    return found


def test_an_upload_is_a_completed_operation_that_tells_what_was_stored(client: TestClient) -> None:
    stored = client.post("data/EURUSD/1h", content=ROWS).json()["data"]
    (load,) = loads(client)
    assert (load["status"], load["result_summary"]) == ("completed", stored)
    assert load["metadata"]["request"] == {"symbol": "EURUSD", "timeframe": "1h"}
    assert load["progress"] == {"percentage": 100, "current_step": "stored", "steps_completed": 2, "steps_total": 2}
    assert load["created_at"] == load["started_at"] <= load["completed_at"]
    assert client.get(f"operations/{load['operation_id']}/results").json()["results"] == stored


def test_a_refused_upload_is_a_failed_operation_that_tells_why(client: TestClient) -> None:
    error = client.post("data/EURUSD/1h", content=HEADER + "soon,1,2,0.5,1,10\n").json()["error"]
    (load,) = loads(client)
    assert (load["status"], load["error_code"]) == ("failed", "rows_rejected")
    assert load["error_message"] == error["message"]
    assert load["result_summary"] is None


@pytest.mark.parametrize(
    ("number", "answered", "recorded"),
    [(errno.EIO, "store_unavailable", "not_stored"), (errno.ENOSPC, "disk_full", "disk_full")],
)
def test_what_cannot_be_written_is_a_failed_operation_that_tells_nothing_internal(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, answered: str, recorded: str
) -> None:
    def broken(*_: object) -> None:
        raise OSError(number, "told by the system", "/secret/place")

    monkeypatch.setattr(DataDirectory, "upload", broken)
    answer = client.post("data/EURUSD/1h", content=ROWS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, answered)
    (load,) = loads(client)
    assert (load["status"], load["error_code"]) == ("failed", recorded)
    assert "secret" not in load["error_message"]


def test_an_upload_that_is_too_long_is_a_failed_operation(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[bytes]:
        yield from [ROWS.encode()] * 700

    monkeypatch.setattr("ktrdr.api.bodies.limit_for", lambda _: 65536)
    assert client.post("data/EURUSD/1h", content=endless()).status_code == 413
    (load,) = loads(client)
    says = "The body may have at most 0.0625 MiB: upload more bars in parts, the later ones with ?append=true."
    assert (load["status"], load["error_message"]) == ("failed", says)


def test_an_upload_that_its_client_breaks_off_leaves_no_operation_and_no_file(settings: Settings) -> None:
    app = create_application(settings)
    head = {"type": "http", "method": "POST", "path": "/api/v1/data/EURUSD/1h", "query_string": b""}
    scope = {**head, "raw_path": b"/api/v1/data/EURUSD/1h", "headers": [(b"host", b"backend")], "client": ("c", 1)}
    parts = iter([
        {"type": "http.request", "body": ROWS.encode(), "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> Any:
        return next(parts)

    async def send(_message: Any) -> None:
        """Nobody is there to hear the answer."""

    with TestClient(app, base_url="http://backend/api/v1") as client:
        asyncio.run(app(scope, receive, send))
        assert loads(client) == []
        assert client.get("data/EURUSD/1h").status_code == 404
    assert next(parts, None) is None
    assert list(settings.data_dir.glob(".upload-*")) == []


def test_an_upload_is_never_queued_nor_retried(client: TestClient) -> None:
    client.post("data/EURUSD/1h", content="nothing")
    worker = {"worker_id": "w", "worker_type": "training", "endpoint_url": "http://w:5003"}
    client.post("workers/register", json=worker)
    assert client.post("workers/w/heartbeat", json={}).json()["operation"] is None
    answer = client.post(f"operations/{loads(client)[0]['operation_id']}/retry")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "operation_not_retryable")
    assert "upload the file again" in answer.json()["error"]["message"]


def test_nothing_is_taken_in_while_the_store_is_away(settings: Settings) -> None:
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        (settings.data_dir / "ktrdr.db").unlink()
        answer = client.post("data/EURUSD/1h", content=ROWS)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert client.get("data/EURUSD/1h").status_code == 404
