"""What a worker asks of its backend, and how long it waits for one that is away."""

import json
import socket
import threading
from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient

from ktrdr.data.bars import Bars
from ktrdr.data.sample import to_csv
from ktrdr.errors import ConflictError
from ktrdr.worker.backend import Backend, BackendAwayError, BackendRefusedError
from ktrdr.worker.job import Job
from tests.api.extremes import holder
from tests.support.direct_backend import TIMEOUT_S, DirectBackend

MODEL = {
    "strategy_name": "s", "created_at": "2024-01-01T00:00:00+00:00", "symbols": ["EURUSD-SAMPLE"], "timeframes": ["1h"],
}  # fmt: skip


def test_work_outlives_a_backend_that_is_away_for_a_while(backend: DirectBackend) -> None:
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        patient.away = len(waited) < 5

    patient = cast("DirectBackend", backend.patient(pause))
    patient.away = True
    assert len(patient.bars("EURUSD-SAMPLE", "1h", "2023-05-01", "2023-05-31")) == 552
    assert waited == [0.25, 0.5, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("uploads", [1, 2, 3])
def test_bars_of_a_series_that_is_replaced_meanwhile_are_never_mixed(
    backend: DirectBackend, client: TestClient, year: Bars, monkeypatch: pytest.MonkeyPatch, uploads: int
) -> None:
    monkeypatch.setattr("ktrdr.worker.backend.PAGE", 100)
    asked = 0

    def upload_before_each_second_page() -> None:
        nonlocal asked
        asked += 1
        if asked % 2 == 0 and asked <= 2 * uploads:
            client.post("data/EURUSD-SAMPLE/1h?replace=true", content=to_csv(year.between(50 * asked, 1000)))

    if uploads < 3:
        bars = backend.bars("EURUSD-SAMPLE", "1h", None, None, check=upload_before_each_second_page)
        assert to_csv(bars) == to_csv(year.between(100 * uploads, 1000))
    else:
        with pytest.raises(ConflictError, match="EURUSD-SAMPLE 1h was replaced 3 times while it was read"):
            backend.bars("EURUSD-SAMPLE", "1h", None, None, check=upload_before_each_second_page)


def test_patience_ends_and_a_refusal_needs_none(backend: DirectBackend) -> None:
    waited: list[float] = []
    with pytest.raises(BackendRefusedError, match="no_model"):
        backend.patient(waited.append).download_model("none")
    patient = cast("DirectBackend", backend.patient(waited.append, patience_s=0.0))
    patient.away = True
    with pytest.raises(BackendAwayError):
        patient.call("GET", "/workers")
    assert waited == []


def test_work_that_waits_for_the_backend_can_be_cancelled(backend: DirectBackend) -> None:
    ended = threading.Event()
    backend.away = True
    job = Job({"operation_id": "op", "request": {}}, backend, ended.set)
    job.start(lambda job: {"bars": len(job.backend.bars("EURUSD-SAMPLE", "1h", None, None))})
    job.cancel()
    assert ended.wait(TIMEOUT_S)
    assert job.state()["status"] == "cancelled"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"no HTTP\r\n\r\n",
        b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"error": {"code": "store_unavailable", "message": "broken"}}',
        b"HTTP/1.1 500 Internal Server Error\r\n\r\noh",
    ],
)
def test_a_backend_that_dies_in_mid_answer_or_is_in_trouble_is_away(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(BackendAwayError):
            Backend(f"http://127.0.0.1:{server.getsockname()[1]}").call("GET", "/workers")
        thread.join(TIMEOUT_S)


def test_a_model_is_handed_over_whole_or_not_at_all(backend: DirectBackend, client: TestClient, tmp_path: Path) -> None:
    from ktrdr.model_files import FILES, pack, unpack  # noqa: PLC0415  beside its only use

    source = tmp_path / "source"
    source.mkdir()
    for name in FILES:
        (source / name).write_text(json.dumps(MODEL))
    archive = pack(source)
    worker = holder(client)
    damaged = client.put(
        f"models/{worker.model}/archive",
        content=archive[:-9],
        headers={"X-Content-SHA256": "0" * 64, "X-Worker-Token": worker.token},
    )
    assert (damaged.status_code, damaged.json()["error"]["code"]) == (422, "digest_mismatch")
    assert client.get(f"models/{worker.model}").status_code == 404
    backend.credentials["X-Worker-Token"] = worker.token
    for _ in range(2):  # a worker that got no answer repeats it
        assert backend.upload_model(worker.model, archive) == f"models/{worker.model}"
    copy = tmp_path / "copy"
    copy.mkdir()
    unpack(*backend.download_model(worker.model), copy)
    assert pack(copy) == archive
