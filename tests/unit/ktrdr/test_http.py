"""What HTTP clients of every kind rely on: HEAD is GET without a body, a wrong content type is named."""

import pytest
from fastapi.testclient import TestClient

from ktrdr.worker.agent import Agent
from ktrdr.worker.application import application
from ktrdr.worker.backend import Backend
from ktrdr.worker.settings import WorkerSettings

READ = ("/", "/page/main.js", "/openapi.json", "/metrics", "/api/v1/health", "/api/v1/indicators", "/api/v1/workers",
        "/api/v1/strategies/mlp_fx_hourly", "/api/v1/strategies/nobody", "/api/v1/nothing")  # fmt: skip
CHANGING = {"/api/v1/health": "GET, HEAD", "/metrics": "GET, HEAD", "/api/v1/workers/w1": "DELETE, GET, HEAD",
            "/api/v1/workers/register": "POST"}  # fmt: skip
JSON_BODIES = (
    "trainings/start", "backtests/start", "data/range", "workers/register", "workers/w1/heartbeat", "models/m1/predict",
    "indicators/calculate",
)  # fmt: skip
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", READ)
def test_head_is_answered_as_get_without_the_body(client: TestClient, path: str) -> None:
    got, head = (client.request(method, f"http://backend{path}") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert got.content
    assert head.headers["content-type"] == got.headers["content-type"]
    if path not in ("/metrics", "/api/v1/health"):  # they tell the time, in as many digits as it has
        assert head.headers == got.headers


@pytest.mark.parametrize(("path", "allowed"), CHANGING.items())
def test_a_refused_method_is_told_with_head_where_get_is_allowed(client: TestClient, path: str, allowed: str) -> None:
    answer = client.patch(f"http://backend{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_head_of_what_can_only_be_posted_is_refused(client: TestClient) -> None:
    answer = client.head("workers/register")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")


def test_a_head_is_counted_as_one_with_its_route(client: TestClient) -> None:
    for method in ("GET", "HEAD"):
        client.request(method, "strategies/mlp_fx_hourly")
    counted = client.get("http://backend/metrics").text
    for method in ("GET", "HEAD"):
        assert f'requests_total{{method="{method}",route="/strategies/{{name}}",status="200"}} 1\n' in counted


def test_a_worker_answers_head_too() -> None:
    settings = WorkerSettings("training", "w1", 5003, "http://127.0.0.1:1", "http://w1:5003")
    agent = Agent(settings, Backend(settings.api_url), {"gpu": False}, lambda _job: {})
    worker = TestClient(application(agent))  # which has not been started
    for path, status in (("/health", 503), ("/metrics", 200)):
        head = worker.head(path)
        assert (head.status_code, head.content) == (status, b"")
        assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("path", JSON_BODIES)
@pytest.mark.parametrize("given", [FORM, "text/plain", None])
def test_json_that_is_sent_as_something_else_is_told_what_to_send(
    client: TestClient, path: str, given: str | None
) -> None:
    answer = client.post(path, content=b'{"strategy_name": "s"}', headers={"Content-Type": given} if given else {})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (415, "unsupported_media_type")
    assert (f"has the content type {given};" if given else "has no content type;") in error["message"]
    assert "curl -H 'Content-Type: application/json' -d" in error["message"]
    assert error["details"] == {"content_type": given or "", "expected": "application/json"}


@pytest.mark.parametrize("given", ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"])
def test_json_by_any_of_its_names_is_read(client: TestClient, given: str) -> None:
    answer = client.post("trainings/start", content=b'{"strategy_name": 1}', headers={"Content-Type": given})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        422,
        "body.strategy_name: Input should be a valid string",
    )


def test_no_body_at_all_is_missing_whatever_it_is_called(client: TestClient) -> None:
    answer = client.post("trainings/start", headers={"Content-Type": FORM})
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, "body: Field required")


def test_routes_that_take_json_document_the_refusal_and_no_other_does(client: TestClient) -> None:
    paths = client.get("http://backend/openapi.json").json()["paths"]
    refusing = {
        path for path, methods in paths.items() if any("415" in route["responses"] for route in methods.values())
    }
    named = (path.replace("w1", "{worker_id}").replace("m1", "{name}") for path in JSON_BODIES)
    assert refusing == {f"/api/v1/{path}" for path in named}
