"""Every operation of the API, under many requests that nobody thought of, answers as its OpenAPI document says."""

import re
from pathlib import Path

import httpx

from tests.api.backend import Backend
from tests.api.fuzzing import fuzz, workers_that_come_back
from tests.api.population import populate

SECONDS = 40
PLANTED_SECONDS = 10
FEWEST_CASES_EACH = 5  # on average over the operations; a machine at rest makes sixty
NO_NAMES = {"TRAINING": "none", "BACKTEST": "none"}


def test_no_request_gets_an_internal_error_or_an_answer_that_is_not_documented(
    backend: Backend, api: httpx.Client, tmp_path: Path
) -> None:
    populate(api)
    done = api.get("operations", params={"status": "completed"}).json()["operations"]
    names = {entry["operation_type"].upper().removesuffix("ING"): entry["operation_id"] for entry in done}
    with workers_that_come_back(api):
        found = fuzz(backend, tmp_path, {"TRAINING": names["TRAIN"], "BACKTEST": names["BACKTEST"]}, seconds=SECONDS)
    print(f"{found.operations_tried} of {found.operations} operations, {found.cases} cases")
    assert (found.exit_code, found.failures) == (0, {}), found.printed
    assert found.operations_tried == found.operations > 25
    assert found.cases >= FEWEST_CASES_EACH * found.operations
    assert not re.search(r"Traceback|unexpected error|store error", backend.log), backend.log[-4000:]
    assert api.get("health").status_code == 200


def test_it_finds_what_was_planted(tmp_path: Path) -> None:
    with Backend(tmp_path / "data", "tests.api.broken:app") as broken:
        paths = ("workers", "health", "models", "indicators")
        only = [word for path in paths for word in ("--include-path", f"/api/v1/{path}")]
        found = fuzz(broken, tmp_path, NO_NAMES, *only, "--phases", "coverage", seconds=PLANTED_SECONDS)
    assert found.exit_code == 1
    assert found.failures["JsonSchemaError"] == ["GET /api/v1/health", "GET /api/v1/workers"]
    assert found.failures["ServerError"] == ["GET /api/v1/models"]
    assert "GET /api/v1/indicators" in found.failures["UndefinedStatusCode"]


def test_every_route_is_in_the_document_and_every_shape_it_names_is_too(backend: Backend) -> None:
    answer = httpx.get(f"{backend.url}/openapi.json", trust_env=False)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert named
    assert named == set(answer.json()["components"]["schemas"])


def test_every_operation_documents_its_answers_with_a_shape(backend: Backend) -> None:
    paths = httpx.get(f"{backend.url}/openapi.json", trust_env=False).json()["paths"]
    answers = [
        (method, path, status, content["schema"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        for content in answer["content"].values()
    ]
    assert [answer for answer in answers if not answer[3]] == []
    assert {status for *_, status, _schema in answers} >= {
        "200",
        "201",
        "202",
        "400",
        "404",
        "409",
        "413",
        "422",
        "503",
    }
