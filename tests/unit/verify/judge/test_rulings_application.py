"""The API is really there, and never tries to load what is heavy."""

from typing import Any

import pytest

from tests.support.cases import Change, Facts, attempt, good, loaded
from tests.support.changes import report
from verify.judge.rulings.application import describe, has_status
from verify.judge.verdict import Finding
from verify.observe.probe_reports import Attempt


def found(check: str, change: Change | None = None) -> Finding:
    return good("backend", change).findings()[check]


def tried(*attempts: dict[str, Any]) -> Change:
    return report("application", attempts=list(attempts))


def test_an_attempt_is_told_with_the_file_and_line_where_its_chain_ends() -> None:
    finding = found("lazy-import", tried(attempt("torch", "import")))
    assert finding.found == "import torch at /app/ktrdr/api/deep.py:7 in load"
    assert finding.evidence["attempts"][0]["chain"][0] == "/app/ktrdr/api/main.py:1"


@pytest.mark.parametrize(
    ("chain", "line"),
    [
        ([], "import torch"),
        ([["/x.py", 3, "<module>"]], "import torch at /x.py:3"),
        ([["/y.py", 1, "f"], ["/x.py", 3, "f"]], "import torch at /x.py:3 in f"),
    ],
)
def test_an_attempt_is_told_in_a_line(chain: list[list[Any]], line: str) -> None:
    assert describe(Attempt(package="torch", phase="import", chain=chain)) == line


@pytest.mark.parametrize(
    ("phase", "check"),
    [("import", "lazy-import"), ("start", "lazy-start"), ("use", "lazy-use"), ("stop", "lazy-use")],
)
def test_an_attempt_is_judged_in_its_own_phase_alone(phase: str, check: str) -> None:
    findings = good("backend", tried(attempt("torch", phase))).findings()
    lazy = {name for name in findings if name.startswith("lazy-") and findings[name].outcome == "FAIL"}
    assert lazy == {check}


def test_an_attempt_is_a_failure_although_the_package_is_not_installed_and_nothing_was_loaded() -> None:
    finding = found("lazy-import", tried(attempt("sklearn", "import")))
    assert finding.outcome == "FAIL"
    assert finding.found.startswith("import sklearn at ")


def test_an_attempt_counts_although_the_import_then_failed() -> None:
    def change(facts: Facts) -> None:
        facts.report("application").update(imported=False, attempts=[attempt("torch", "import")])

    assert found("lazy-import", change).outcome == "FAIL"


@pytest.mark.parametrize("when", ["before", "after_import"])
def test_a_loaded_package_is_told_although_nobody_saw_it_come(when: str) -> None:
    change = report("application", **{f"loaded_{when}": loaded("torch", "torch.nn")})
    assert found("lazy-import", change).found == "loaded: torch, torch.nn"


def test_a_native_library_that_no_module_admits_to_is_told() -> None:
    change = report("application", loaded_after_use={"count": 0, "modules": [], "libraries": ["torch"]})
    assert found("lazy-use", change).found == "loaded: torch"


@pytest.mark.parametrize(
    ("check", "when"), [("lazy-import", "after_import"), ("lazy-start", "after_start"), ("lazy-use", "after_use")]
)
def test_a_package_that_is_named_lazily_is_allowed_and_told(check: str, when: str) -> None:
    finding = found(check, report("application", **{f"loaded_{when}": {**loaded(), "named": ["torch"]}}))
    assert (finding.outcome, finding.found) == (
        "PASS", "none; named lazily, which loads nothing before it is used: torch"
    )  # fmt: skip


def test_what_there_was_no_time_to_ask_for_was_not_seen_and_only_in_use() -> None:
    change = report("application", planned=["GET /a", "GET /c", "WEBSOCKET /b"], asked=["GET /c"])
    finding = found("lazy-use", change)
    assert (finding.outcome, finding.category) == ("ERROR", "CODE_BUG")
    assert finding.found == "not seen: no time was left to ask 2 operations, beginning with GET /a"
    assert [found(check, change).outcome for check in ("lazy-import", "lazy-start")] == ["PASS", "PASS"]


def test_an_attempt_is_a_failure_whatever_else_there_was_no_time_for() -> None:
    change = report("application", planned=["GET /a"], attempts=[attempt("torch", "use")])
    assert found("lazy-use", change).outcome == "FAIL"


def test_of_a_long_operation_that_was_not_asked_the_beginning_is_told() -> None:
    told = found("lazy-use", report("application", planned=["x" * 300])).found
    assert told == f"not seen: no time was left to ask 1 operations, beginning with {'x' * 200}"


@pytest.mark.parametrize(("check", "phase"), [("lazy-import", "import"), ("lazy-start", "start"), ("lazy-use", "use")])
def test_a_process_that_nobody_follows_leaves_its_phase_unseen(check: str, phase: str) -> None:
    chain = [["/app/api.py", 9, "<module>"], ["/app/deep.py", 7, "load"], ["/app/main.py", 3, "go"]]
    started = {"what": "os.system 'x'", "phase": phase, "chain": chain}
    finding = found(check, report("application", processes=[started]))
    assert (finding.outcome, finding.category) == ("ERROR", "CODE_BUG")
    assert "starts a process" in finding.found
    assert "os.system 'x' at /app/main.py:3 in go" in finding.found


def test_an_attempt_counts_more_than_a_process_beside_it() -> None:
    started = {"what": "os.fork", "phase": "import", "chain": []}
    change = report("application", processes=[started], attempts=[attempt("torch", "import")])
    assert found("lazy-import", change).outcome == "FAIL"


@pytest.mark.parametrize(("count", "outcome"), [(10, "FAIL"), (11, "PASS")])
def test_more_routes_than_the_floor_are_demanded(count: int, outcome: str) -> None:
    def change(facts: Facts) -> None:
        del facts.report("application")["routes"][count:]

    assert found("api-routes", change).outcome == outcome


@pytest.mark.parametrize(("count", "outcome"), [(50, "FAIL"), (51, "PASS")])
def test_more_new_modules_than_the_floor_are_demanded(count: int, outcome: str) -> None:
    assert found("api-new-modules", report("application", new_modules=count)).outcome == outcome


def test_a_fast_import_is_no_failure() -> None:
    assert found("api-imports", report("application", import_seconds=0.001)).outcome == "PASS"


def test_an_import_that_failed_is_told_with_its_traceback() -> None:
    lost = {"import": {"how": "ModuleNotFoundError", "traceback": "File main.py, line 5"}}
    finding = found("api-imports", report("application", imported=False, lost=lost))
    assert (finding.found, finding.evidence["traceback"]) == ("ModuleNotFoundError", "File main.py, line 5")
    assert finding.expected == "`from ktrdr.api.main import app` can be imported"


def test_what_cannot_be_known_without_the_import_says_so() -> None:
    findings = good("backend", report("application", imported=False)).findings()
    assert all(
        findings[name].evidence == {"because": "api-imports"} for name in ("api-routes", "api-starts", "lazy-use")
    )


def test_what_the_application_refused_as_invalid_is_counted_for_what_is_behind_was_not_run() -> None:
    def change(facts: Facts) -> None:
        facts.report("application")["answers"] = {
            "GET /a": 200,
            "POST /b": 422,
            "POST /c": 421,
            "POST /d": 423,
            "PUT /e": 422,
        }

    assert found("api-answers", change).found == "5 requests answered, 2 of them with 422: not run"


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 404, 409, 422, 503])
def test_an_answer_that_the_application_meant_is_no_failure(status: int) -> None:
    def change(facts: Facts) -> None:
        facts.report("application")["answers"]["GET /x"] = status

    assert found("api-answers", change).outcome == "PASS"


def test_an_unexpected_error_is_told_with_its_route() -> None:
    def change(facts: Facts) -> None:
        facts.report("application")["answers"]["POST /api/v1/trainings/start"] = 500

    assert found("api-answers", change).found == "POST /api/v1/trainings/start: 500"


@pytest.mark.parametrize("body", ['{"status": "ok"}', '{"status": "degraded", "more": 1}'])
def test_a_reply_with_a_status_has_one(body: str) -> None:
    assert has_status(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "ok",
        "status",
        "[]",
        '["status"]',
        '"status"',
        "null",
        "{}",
        '{"status": ""}',
        '{"status": null}',
        "[" * 2000,
    ],
)
def test_a_reply_without_a_status_has_none(body: str) -> None:
    assert not has_status(body)


def told(check: str, **values: object) -> str:
    """What a check found where the application's report has these values."""
    return good("backend", report("application", **values)).findings()[check].found


def test_findings_on_the_application_are_told_with_what_was_seen() -> None:
    assert told("api-routes") == "13 routes"
    assert told("api-routes", routes=[["GET", f"/{number}"] for number in range(12)]).startswith(
        "12 routes, but none for"
    )
    assert told("api-routes", routes=[["/alone"]]).startswith("1 routes, but none for")
    assert told("api-is-fastapi", kind="builtins.dict", is_fastapi=False) == "builtins.dict"
    assert told("api-is-fastapi", kind="", is_fastapi=False) == "something else"
    assert told("api-starts") == "started in 0.2 s"
    assert told("api-starts", started=False, lost={"start": {"how": "no store"}}) == "no store"
    assert told("api-starts", started=False) == "it did not start"
    assert told("api-answers", health={"status": 503, "body": "busy"}).startswith("health: 503 busy")
    assert told("api-answers", health=None).startswith("health was not asked")


LATE = {"how": "no end within 120 s", "late": True, "unseen": True}


@pytest.mark.parametrize(
    ("check", "values"),
    [
        ("api-routes", {"lost": {"routes": LATE}}),
        ("api-starts", {"started": False, "lost": {"start": LATE}}),
        ("api-answers", {"lost": {"GET /a": LATE}}),
        ("lazy-use", {"planned": ["GET /a"], "lost": {"GET /a": LATE}}),
        ("lazy-use", {"lost": {"stop": {"how": "no end within 30 s", "late": True}}}),
    ],
)
def test_what_no_time_was_left_for_is_an_error_and_no_failure(check: str, values: dict[str, Any]) -> None:
    assert found(check, report("application", **values)).outcome == "ERROR"


def test_an_operation_that_is_lost_is_told_with_what_it_did_and_costs_no_other_check() -> None:
    lost = {"GET /a": {"how": "it ended its process with -11"}}
    findings = good("backend", report("application", planned=["GET /a"], lost=lost)).findings()
    assert findings["api-answers"].found == "GET /a: it ended its process with -11"
    assert [name for name, finding in findings.items() if finding.outcome in ("FAIL", "ERROR")] == ["api-answers"]
