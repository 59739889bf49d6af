"""What pages of other sites may do here: follow a link, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.settings import Settings

ALLOWED = "other, Ktrdr.Example.com,"


@pytest.fixture
def allowing(tmp_path: Path) -> Iterator[TestClient]:
    """A backend with further names."""
    environment = {"KTRDR_DATA_DIR": str(tmp_path), "KTRDR_ALLOWED_HOSTS": ALLOWED}
    with TestClient(create_application(Settings.from_environment(environment))) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "data/EURUSD/1h"),
        ("POST", "operations/x/retry"),
        ("DELETE", "workers/nobody"),
        ("PUT", "models/m/archive"),
    ],
)
@pytest.mark.parametrize(
    ("site", "refused"), [("cross-site", True), ("same-site", True), ("same-origin", False), ("none", False)]
)
def test_a_page_of_another_origin_changes_nothing(
    client: TestClient,
    method: str,
    path: str,
    site: str,
    refused: bool,  # noqa: FBT001
) -> None:
    answer = client.request(method, path, headers={"Sec-Fetch-Site": site, "X-Content-SHA256": "0" * 64})
    assert (answer.status_code == 403) is refused
    assert (answer.json()["error"]["code"] == "cross_site") is refused


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403), ("evil.example:8000", 403), ("EVIL.example.", 403), ("127.0.0.1.evil.example", 403),
        ("evil.0x7f", 403), ("backend:8000", 404), ("localhost", 404), ("127.0.0.1:8000", 404), ("[::1]:8000", 404),
        ("ktrdr.example.com:8000", 404), ("KTRDR.example.com", 404), ("my.ktrdr.example.com", 403),
    ],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_changes_and_reads_nothing(tmp_path: Path, host: str, status: int) -> None:
    environment = {"KTRDR_DATA_DIR": str(tmp_path), "KTRDR_ALLOWED_HOSTS": "other, Ktrdr.Example.com,"}
    with TestClient(create_application(Settings.from_environment(environment))) as client:
        headers = {"Host": host, "Sec-Fetch-Site": "same-origin"}
        answer = client.request("DELETE", "/api/v1/workers/nobody", headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (status, False)
        assert (answer.json()["error"]["code"] == "unknown_host") is (status == 403)
        for method, path in (("GET", "/api/v1/operations"), ("GET", "/"), ("HEAD", "/api/v1/models"), ("GET", "/x")):
            assert (client.request(method, path, headers=headers).status_code == 403) is (status == 403)
        for path in ("/api/v1/health", "/metrics"):
            assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["http://ktrdr.example.com", "ktrdr.example.com:8000", "*.example.com", "a..b"])
def test_a_host_that_is_no_name_is_told_when_the_backend_starts(value: str) -> None:
    with pytest.raises(ValueError, match="KTRDR_ALLOWED_HOSTS names"):
        Settings.from_environment({"KTRDR_ALLOWED_HOSTS": value})


def test_a_page_of_another_origin_may_link_here(client: TestClient) -> None:
    assert client.get("http://backend/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_route_documents_that_it_may_be_forbidden(client: TestClient) -> None:
    paths = client.get("http://backend/openapi.json").json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    assert [operation for operation in operations if "403" not in operation["responses"]] == []


@pytest.mark.parametrize(
    ("host", "origin", "refused"),
    [
        ("192.0.2.1:8000", "http://192.0.2.1:8000", False),
        ("192.0.2.1:8000", "http://192.0.2.1:9000", True),
        ("192.0.2.1:8000", "http://192.0.2.1", True),
        ("192.0.2.1:8000", "http://192.0.2.2:8000", True),
        ("192.0.2.1:8000", "null", True),
        ("192.0.2.1:8000", "", True),
        ("192.0.2.1", "http://192.0.2.1:80", False),
        ("192.0.2.1:80", "http://192.0.2.1", False),
        ("backend:8000", "http://Backend:8000", False),
        ("[2001:db8::1]:8000", "http://[2001:db8::1]:8000", False),
        ("[2001:db8::1]:8000", "http://[2001:db8::2]:8000", True),
        ("192.0.2.1:8000", "http://192.0.2.1:8000.evil.example", True),
        ("192.0.2.1:8000", "http://192.0.2.1:8000@evil.example", True),
        ("192.0.2.1:8000", "ftp://192.0.2.1:8000", True),
        ("192.0.2.1:8000", "192.0.2.1:8000", True),
        ("192.0.2.1:8000", "http://[", True),
        ("ktrdr.example.com", "https://ktrdr.example.com", False),
        ("backend:8000", "https://ktrdr.example.com", False),
        ("backend:8000", "https://ktrdr.example.com:8443", False),
        ("backend:8000", "https://ktrdr.example.com.evil.example", True),
        ("backend:8000", "https://evil.example", True),
    ],
)
def test_a_page_of_another_origin_is_refused_where_browsers_name_only_the_origin(
    allowing: TestClient,
    host: str,
    origin: str,
    refused: bool,  # noqa: FBT001
) -> None:
    for method, path in (("POST", "data/EURUSD/1h"), ("POST", "operations/x/retry"), ("GET", "workers")):
        answer = allowing.request(method, f"/api/v1/{path}", headers={"Host": host, "Origin": origin})
        assert (answer.status_code == 403) is refused, answer.text
        assert (answer.json().get("error", {}).get("code") == "cross_site") is refused


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/page/main.js", 200),
        ("GET", "/api/v1/health", 200),
        ("GET", "/metrics", 200),
        ("GET", "/api/v1/operations", 200),
        ("GET", "/api/v1/operations/x", 404),
        ("GET", "/nothing", 404),
        ("PATCH", "/api/v1/operations", 405),
        ("PUT", "/api/v1/models/m/archive", 422),
        ("HEAD", "/openapi.json", 200),
    ],
)
def test_no_answer_can_be_taken_for_something_else_or_used_by_another_origin(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, f"http://backend{path}")
    assert answer.status_code == status
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers.get_list("cross-origin-resource-policy") == ["same-origin"]


def test_refusals_have_the_same_headers(client: TestClient) -> None:
    too_long = client.post("trainings/start", content=b"", headers={"Content-Length": "99999999"})
    foreign = client.post("trainings/start", headers={"Origin": "null"})
    assert (too_long.status_code, foreign.status_code) == (413, 403)
    for answer in (too_long, foreign):
        assert answer.headers["x-content-type-options"] == "nosniff"
