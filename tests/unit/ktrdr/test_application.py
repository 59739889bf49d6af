"""The backend as a client sees it."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.model_files import MIB
from ktrdr.settings import Settings

WORKER = {"worker_id": "w1", "worker_type": "training", "endpoint_url": "http://w1:5003"}

LAZINESS = """
import sys
heavy = {"torch", "numpy", "pandas", "scipy", "sklearn", "tensorflow", "jax", "safetensors"}
tried = []
class Recorder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy:
            tried.append(name)
sys.meta_path.insert(0, Recorder())
from ktrdr.api.main import app
import ktrdr.api.services.training_service, ktrdr.api.services.training.local_orchestrator
from fastapi.testclient import TestClient
with TestClient(app) as client:
    for path in ("health", "data/symbols", "indicators", "strategies", "models", "operations", "workers"):
        assert client.get("/api/v1/" + path).status_code == 200, path
    pairs = sum(len(methods) for methods in app.openapi()["paths"].values())
print(pairs, tried)
"""


def test_nothing_heavy_is_imported_or_even_tried_on_import_start_or_use(tmp_path: Path) -> None:
    environment = {"KTRDR_DATA_DIR": str(tmp_path), "PATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", LAZINESS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    pairs, _, tried = run.stdout.strip().partition(" ")
    assert (int(pairs) > 10, tried) == (True, "[]")


def test_importing_the_application_touches_no_file(tmp_path: Path) -> None:
    create_application(Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path / "data")}))
    assert list(tmp_path.iterdir()) == []


def test_health_says_ok_with_version_uptime_and_database(client: TestClient) -> None:
    answer = client.get("health")
    body = answer.json()
    assert (answer.status_code, body["status"], body["database"]["state"]) == (200, "ok", "ok")
    assert {"version", "uptime_s"} <= body.keys()


def test_health_answers_503_with_the_reason_when_the_store_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path / "file")})
    with TestClient(create_application(broken), base_url="http://backend/api/v1") as client:
        answer = client.get("health")
        operations = client.get("operations")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert "ktrdr.db cannot be opened" in answer.json()["reason"]
    assert (operations.status_code, operations.json()["error"]["code"]) == (503, "store_unavailable")


def test_health_notices_that_the_store_was_removed(client: TestClient, settings: Settings) -> None:
    (settings.data_dir / "ktrdr.db").unlink()
    assert client.get("health").status_code == 503


def test_uploaded_bars_come_back_in_ranges(client: TestClient, csv: str) -> None:
    assert client.post("data/EURUSD-SAMPLE/1h", content=csv).status_code == 201
    data = client.get("data/EURUSD-SAMPLE/1h", params={"start_date": "2023-03-01", "end_date": "2023-03-01"}).json()[
        "data"
    ]
    assert (data["points"], data["dates"][0], data["dates"][-1]) == (24, "2023-03-01T00:00:00Z", "2023-03-01T23:00:00Z")
    assert len(data["ohlcv"][0]) == 5
    assert client.get("data/symbols").json()["data"] == [{"symbol": "EURUSD-SAMPLE", "timeframes": ["1h"]}]
    assert client.get("data/info").json()["data"]["total_points"] > 6000
    span = client.post("data/range", json={"symbol": "EURUSD-SAMPLE", "timeframe": "1h"}).json()["data"]
    assert span["start_date"] == "2023-01-01T22:00:00Z"


@pytest.mark.parametrize("content", [b"", b"timestamp,open\n1,2\n", bytes(range(256))])
def test_a_damaged_series_hides_no_other(
    client: TestClient, csv: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    (tmp_path / "GBPUSD_1h.csv").write_bytes(content)
    assert client.get("data/symbols").json()["data"] == [{"symbol": "EURUSD-SAMPLE", "timeframes": ["1h"]}]
    assert client.get("data/info").json()["data"]["total_series"] == 1
    assert "GBPUSD_1h.csv is left out" in caplog.text


def test_a_page_of_bars_says_where_the_next_one_begins(client: TestClient, csv: str) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    data = client.get("data/EURUSD-SAMPLE/1h", params={"limit": 2}).json()["data"]
    rest = client.get(
        "data/EURUSD-SAMPLE/1h", params={"limit": 1, "start_date": data["metadata"]["next_start"]}
    ).json()["data"]
    assert (data["points"], rest["dates"]) == (2, ["2023-01-02T00:00:00Z"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-01T00:00:00Z,1,2,0.5,1,10", "timestamp is duplicate"),
        ("2024-01-01T01:00:00Z,-1,2,0.5,1,10", "a price is not above zero"),
        ("2024-01-01T01:00:00Z,1,0.5,2,1,10", "high 0.5 is below low 2.0"),
        ("2024-01-01T01:00:00Z,nan,2,0.5,1,10", "open is not finite"),
        ("2024-01-01T01:00:00Z,1,2,0.5,1", "has 5 fields"),
        ("soon,1,2,0.5,1,10", "'soon' is not ISO 8601"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_nothing_is_stored(client: TestClient, row: str, reason: str) -> None:
    text = f"timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1,10\n{row}\n"
    answer = client.post("data/EURUSD-SAMPLE/1h", content=text)
    rejected = answer.json()["error"]["details"]["rejected"]
    assert (answer.status_code, rejected[0]["line"]) == (422, 3)
    assert reason in rejected[0]["reason"]
    assert client.get("data/EURUSD-SAMPLE/1h").status_code == 404


def test_a_refused_upload_leaves_the_stored_series_and_no_other_file(
    client: TestClient, csv: str, tmp_path: Path
) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    before = (tmp_path / "EURUSD-SAMPLE_1h.csv").read_bytes()
    assert client.post("data/EURUSD-SAMPLE/1h", content="timestamp,price\n1,2\n").status_code == 422
    assert (tmp_path / "EURUSD-SAMPLE_1h.csv").read_bytes() == before
    assert not list(tmp_path.glob(".upload-*"))


@pytest.mark.parametrize(
    "path",
    [
        "data/..%2F..%2Fetc/1h",
        "data/EUR_USD/1h",
        "data/EURUSD-SAMPLE/2h",
        "strategies/..%2Fsecret",
        "models/.hidden/archive",
    ],
)
def test_names_cannot_leave_the_data_directory(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {404, 422}
    assert set(answer.json()["error"]) == {"code", "message", "details"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused_in_the_common_shape(client: TestClient, chunked: bool) -> None:  # noqa: FBT001
    body = b"x" * (MIB + 1)
    answer = client.post("trainings/start", content=iter([body]) if chunked else body)
    assert (answer.status_code, answer.json()["success"]) == (413, False)


def test_errors_never_show_what_is_inside(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_application(settings)
    monkeypatch.setattr(app.state.context.strategies, "names", lambda: 1 / 0)
    with TestClient(app, base_url="http://backend/api/v1", raise_server_exceptions=False) as client:
        answer = client.get("strategies")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "division" not in answer.text


def test_time_goes_on_after_a_tick_that_failed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, failed, went_on = create_application(settings), threading.Event(), threading.Event()

    def tick() -> None:
        if failed.is_set():
            went_on.set()
            return
        failed.set()
        raise KeyError("something unforeseen")

    monkeypatch.setattr("ktrdr.api.main.TICK_S", 0.01)
    with TestClient(app):
        monkeypatch.setattr(app.state.context, "tick", tick)
        assert went_on.wait(10)
    assert "something unforeseen" in caplog.text


def test_a_training_without_a_worker_says_what_to_start(client: TestClient, csv: str) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    answer = client.post("trainings/start", json={"strategy_name": "mlp_fx_hourly"})
    details = answer.json()["error"]["details"]
    assert answer.status_code == 503
    assert (details["worker_type"], details["registered_workers"]) == ("training", 0)
    assert "KTRDR_WORKER_TYPE=training" in details["hint"]


def test_a_training_is_queued_and_handed_to_its_worker(client: TestClient, csv: str) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    client.post("workers/register", json=WORKER)
    started = client.post("trainings/start", json={"strategy_name": "mlp_fx_hourly"}).json()
    assert (started["success"], started["status"]) == (True, "training_started")
    given = client.post("workers/w1/heartbeat", json={}).json()["operation"]
    assert given["operation_id"] == started["task_id"]
    assert given["request"]["strategy"]["name"] == "mlp_fx_hourly"
    assert client.get(f"trainings/{started['task_id']}/performance").status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"strategy_name": "nobody"}, 400),
        ({"strategy_name": "mlp_fx_hourly", "timeframes": ["5m"]}, 400),
        ({"strategy_name": "mlp_fx_hourly", "start_date": "2030-01-01"}, 400),
        ({"strategy_name": "mlp_fx_hourly", "start_date": "2023-02-01", "end_date": "2023-01-01"}, 400),
        ({"strategy": "mlp_fx_hourly"}, 422),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_it_is_queued(
    client: TestClient, csv: str, body: dict[str, object], status: int
) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    client.post("workers/register", json=WORKER)
    assert client.post("trainings/start", json=body).status_code == status
    assert client.get("operations", params={"status": "pending"}).json()["total_count"] == 0


def test_metrics_are_prometheus_text_without_the_prefix(client: TestClient) -> None:
    client.get("health")
    text = client.get("http://backend/metrics").text
    assert "ktrdr_store_usable 1" in text
    assert 'ktrdr_http_requests_total{method="GET",route="/health",status="200"} 1' in text


def test_invented_methods_make_no_figures_of_their_own(client: TestClient) -> None:
    for method in ("GET", "BREW", "WHEN", "get"):
        client.request(method, "nothing")
    text = client.get("http://backend/metrics").text
    assert 'ktrdr_http_requests_total{method="GET",route="none",status="404"}' in text
    assert 'method="other"' in text
    assert not any(f'method="{method}"' in text for method in ("BREW", "WHEN", "get"))
