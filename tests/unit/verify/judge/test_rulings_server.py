"""Health means serving: the image's own command reaches its own HEALTHCHECK, and answers us too."""

from typing import Any

import pytest

from tests.support.cases import Change, Facts, attempt, good, many
from tests.support.changes import health, server, subject
from verify.judge.verdict import Finding


def found(check: str, change: Change | None = None, role: str = "backend") -> Finding:
    return good(role, change).findings()[check]


def stopped(exit_code: int, **proof: Any) -> Change:
    def change(facts: Facts) -> None:
        facts.part("server").update(running=False, health="none", asked=None, log="Traceback\nRuntimeError: no store\n")
        facts.part("server")["proof"].update(exit_code=exit_code, **proof)

    return change


def asked(**values: Any) -> Change:
    return lambda facts: facts.part("server")["asked"].update(**values)


def test_the_time_to_healthy_is_told() -> None:
    assert found("server-healthy").found == "healthy after 1.5 s"


def test_a_server_that_stopped_is_told_with_its_exit_code_and_its_last_words() -> None:
    finding = found("server-healthy", stopped(3))
    assert finding.found == "it stopped with 3: RuntimeError: no store"
    assert "RuntimeError: no store" in finding.evidence["log"]


@pytest.mark.parametrize(
    ("change", "category"),
    [
        (stopped(1), "CODE_BUG"),
        (stopped(0), "CODE_BUG"),
        (stopped(137), "ENVIRONMENT"),
        (stopped(143), "ENVIRONMENT"),
        (stopped(137, out_of_memory=True), "CODE_BUG"),
        (stopped(1, out_of_memory=True), "CODE_BUG"),
        (stopped(0, out_of_memory=True), "CODE_BUG"),
    ],
    ids=[
        "raised",
        "ended",
        "killed",
        "told to end",
        "out of memory",
        "raised, a child killed",
        "ended, a child killed",
    ],
)
def test_a_server_that_was_ended_from_outside_is_not_the_code_s_fault(change: Change, category: str) -> None:
    finding = found("server-healthy", change)
    assert (finding.outcome, finding.category) == ("FAIL", category)


def test_an_unhealthy_server_is_told_with_what_its_healthcheck_said() -> None:
    assert found("server-healthy", server(health="unhealthy", reply="refused\n")).found == "unhealthy: refused"


def test_a_healthy_server_without_status_in_its_reply_is_not_healthy_enough() -> None:
    assert found("server-healthy", server(reply="ok\n")).found == "reply: ok"


@pytest.mark.parametrize("test", [[], ["NONE"]])
@pytest.mark.parametrize("check", ["server-healthy", "healthcheck-tells"])
def test_an_image_without_healthcheck_fails(check: str, test: list[str]) -> None:
    assert found(check, subject(healthcheck=test)).found == "the image has no HEALTHCHECK"


def test_a_server_on_another_port_than_the_contract_s_is_found_although_its_healthcheck_is_content() -> None:
    finding = found("server-answers", asked(report={"status": 0, "body": "ConnectionRefusedError"}))
    assert finding.outcome == "FAIL"
    assert finding.expected.startswith("http://127.0.0.1:8000/api/v1/health answers 200 with `status`")
    assert finding.found == "0 ConnectionRefusedError"


def test_a_question_that_could_not_be_asked_is_told_with_what_came_instead() -> None:
    finding = found("server-answers", asked(report=None, printed="python: not found"))
    assert (finding.outcome, finding.found) == ("FAIL", "no answer: python: not found")


def test_a_question_that_nobody_answered_in_time_is_an_error_and_no_failure() -> None:
    finding = found("server-answers", asked(report=None, outcome="timed out", exit_code=None))
    assert (finding.outcome, finding.category) == ("ERROR", "ENVIRONMENT")
    assert finding.found == "not seen: what asks the server ran out of time"


def late(report: dict[str, Any]) -> Change:
    """What came of a server for one of whose operations there was no time."""
    answers = {route: digest for route, digest in report["answers"].items() if route != "GET /api/v1/thing9"}
    return asked(report={**report, "answers": answers, "unasked": ["GET /api/v1/thing9", "GET /nowhere"]})


def test_what_there_was_no_time_to_ask_is_an_error_that_names_the_first() -> None:
    finding = found("server-answers", late(good("backend").part("server")["asked"]["report"]))
    assert (finding.outcome, finding.category) == ("ERROR", "CODE_BUG")
    assert finding.found == "not seen: no time was left to ask 2 operations, beginning with GET /api/v1/thing9"
    assert "within seconds" in finding.action


def test_a_wrong_answer_counts_also_where_there_was_no_time_for_another() -> None:
    report = good("backend").part("server")["asked"]["report"]
    wrong = {**report, "answers": {**report["answers"], "GET /api/v1/thing0": "404 0"}}
    finding = found("server-answers", late(wrong))
    assert (finding.outcome, finding.found) == ("FAIL", "GET /api/v1/thing0: 404, the application answers 200")


def test_of_a_worker_nothing_but_its_health_has_to_be_asked() -> None:
    report = good("worker-cpu").part("server")["asked"]["report"]
    assert found("server-answers", asked(report={**report, "unasked": ["GET /x"]}), "worker-cpu").outcome == "PASS"


@pytest.mark.parametrize(
    ("listens", "outcome"),
    [
        (["127.0.0.1"], "FAIL"),
        (["127.0.0.2", "::1"], "FAIL"),
        (["::ffff:127.0.0.1"], "FAIL"),
        (["0.0.0.0"], "PASS"),  # noqa: S104 - an address that was seen
        (["127.0.0.1", "::"], "PASS"),
        (["what is no address"], "PASS"),
        ([], "PASS"),
    ],
)
def test_a_server_has_to_be_within_reach_of_other_containers(listens: list[str], outcome: str) -> None:
    report = good("backend").part("server")["asked"]["report"]
    finding = found("server-answers", asked(report={**report, "listens": listens}))
    assert finding.outcome == outcome
    assert ("other containers cannot reach it" in finding.found) == (outcome == "FAIL")


@pytest.mark.parametrize("report", [{}, {"status": "200", "body": "x"}, {"status": 200}, {"body": "x"}])
def test_an_answer_that_is_none_is_a_failure(report: dict[str, Any]) -> None:
    assert found("server-answers", asked(report=report)).outcome == "FAIL"


def test_a_heavy_library_in_the_running_server_s_memory_is_told() -> None:
    report = {"status": 200, "body": '{"status": "ok"}', "processes": 2, "packages": ["torch", "yaml", "sklearn"]}
    assert found("lazy-server", asked(report=report)).found == "in memory: sklearn, torch"


def test_an_attempt_in_the_running_server_is_told_with_the_place_that_made_it() -> None:
    report = good("backend").part("server")["asked"]["report"]
    finding = found("lazy-server", asked(report={**report, "attempts": [attempt("torch", "serve")]}))
    assert finding.found == "import torch at /app/ktrdr/api/deep.py:7 in load"
    assert finding.evidence["attempts"][0]["chain"][0] == "/app/ktrdr/api/main.py:1"


def test_a_process_in_which_nobody_listened_is_told_by_its_command() -> None:
    report = good("backend").part("server")["asked"]["report"]
    finding = found("lazy-server", asked(report={**report, "unwatched": ["python -I -m serve"]}))
    assert finding.found == "not seen: imports were not recorded in python -I -m serve"


def test_answers_that_are_not_the_application_s_are_told_by_route_the_first_of_them() -> None:
    report = good("backend").part("server")["asked"]["report"]
    served = dict.fromkeys(report["answers"], "404 0") | {"GET /api/v1/health": "200 0"}
    finding = found("server-answers", asked(report={**report, "answers": served}))
    assert finding.found == (
        "GET /api/v1/health: 200 as the application, but with other content; "
        "GET /api/v1/thing0: 404, the application answers 200; "
        "GET /api/v1/thing1: 404, the application answers 200; and 10 more"
    )


def test_three_answers_that_are_not_the_application_s_are_all_of_them_told() -> None:
    report = good("backend").part("server")["asked"]["report"]
    other = {f"GET /api/v1/thing{number}": "404 0" for number in range(3)}
    finding = found("server-answers", asked(report={**report, "answers": {**report["answers"], **other}}))
    assert finding.found == "; ".join(f"{route}: 404, the application answers 200" for route in other)


def test_a_worker_answers_as_it_likes() -> None:
    report = good("worker-cpu").part("server")["asked"]["report"]
    assert found("server-answers", asked(report={**report, "answers": {}}), "worker-cpu").outcome == "PASS"


def test_an_answer_that_does_not_say_what_is_in_memory_is_an_error() -> None:
    assert found("lazy-server", asked(report={"status": 200, "body": '{"status": "ok"}'})).outcome == "ERROR"


@pytest.mark.parametrize(("role", "outcome"), [("backend", "PASS"), ("dev", "PASS"), ("worker-cpu", "SKIP")])
def test_only_images_that_serve_the_api_must_not_have_torch_in_memory(role: str, outcome: str) -> None:
    assert found("lazy-server", role=role).outcome == outcome


@pytest.mark.parametrize("which", ["nobody", "gone", "failure", "moved", "missing", "stateless", "hung"])
@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"exit_code": 1}, "PASS"),
        ({"outcome": "timed out", "exit_code": None}, "PASS"),
        ({"exit_code": 0}, "FAIL"),
        ({"exit_code": None}, "ERROR"),
    ],
    ids=["it fails", "it waits", "it is content", "nobody knows"],
)
def test_a_healthcheck_has_to_fail_at_any_answer_but_a_good_one(
    which: str, values: dict[str, Any], outcome: str
) -> None:
    assert found("healthcheck-tells", health(which, **values)).outcome == outcome


def test_a_healthcheck_that_passes_at_wrong_answers_is_told_by_which() -> None:
    finding = found("healthcheck-tells", health("failure", exit_code=0))
    assert finding.found == "it passes at a 500"


def test_a_healthcheck_that_fails_at_a_good_answer_is_told_with_what_it_did() -> None:
    finding = found("healthcheck-tells", health("good", exit_code=3, printed="no\n", asked=2))
    assert finding.found == "it fails at a 200 with `status`: exit code 3, 2 requests made, no"


def test_a_healthcheck_that_was_not_run_against_every_answer_is_an_error() -> None:
    finding = found("healthcheck-tells", lambda facts: facts.report("healthcheck").pop("gone"))
    assert (finding.outcome, "gone" in finding.found) == ("ERROR", True)


def test_an_answer_of_a_server_that_did_not_run_counts_for_nothing() -> None:
    finding = found("server-answers", server(running=False))
    assert (finding.outcome, finding.found) == ("FAIL", "no answer: the server was not running")


@pytest.mark.parametrize(("count", "words"), [(1, "none in 1 process"), (2, "none in 2 processes")])
def test_one_process_is_enough_to_look_into(count: int, words: str) -> None:
    facts = good("backend")
    facts.part("server")["asked"]["report"]["processes"] = count
    finding = facts.findings()["lazy-server"]
    assert (finding.outcome, finding.found) == ("PASS", words)


def test_memory_that_is_not_told_was_not_seen() -> None:
    finding = found("lazy-server", asked(report={"status": 200, "body": '{"status": "ok"}', "processes": "two"}))
    assert (finding.outcome, finding.because) == ("ERROR", "server-answers")


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ([80], ""),
        ([80, 79], "something else listens at port 79"),
        ([80, 81], "something else listens at port 81"),
        ([80, *range(9001, 9010)], f"something else listens at port {', '.join(map(str, range(9001, 9009)))}"),
    ],
)
def test_an_address_without_a_port_means_80_and_nothing_else_listens_there(ports: list[int], told: str) -> None:
    facts = good("backend")
    address = "http://127.0.0.1/api/v1/health"
    image = facts.image.model_copy(update={"health": address})
    facts.contract = facts.contract.model_copy(update={"images": {**facts.contract.images, "backend": image}})
    facts.part("server")["asked"]["report"]["ports"] = ports
    finding = facts.findings()["server-answers"]
    assert (finding.outcome, told in finding.found) == ("FAIL" if told else "PASS", True)


@pytest.mark.parametrize("role", ["backend", "worker-cpu"])
def test_nothing_takes_datagrams_beside_the_server(role: str) -> None:
    report = good(role).part("server")["asked"]["report"]
    finding = found("server-answers", asked(report={**report, "datagrams": [9999, 53]}), role)
    assert (finding.outcome, finding.found) == ("FAIL", "something else listens at UDP port 53, 9999")


@pytest.mark.parametrize(("seconds", "outcome"), [(319.5, "PASS"), (320.0, "PASS"), (320.5, "FAIL")])
def test_a_server_that_is_gone_is_noticed_as_soon_as_the_contract_s_slowest_check_does(
    seconds: float, outcome: str
) -> None:
    assert found("healthcheck-tells", subject(unhealthy_after=seconds)).outcome == outcome


def test_mounted_applications_are_no_routes_that_the_server_has_to_publish() -> None:
    facts = good("backend")
    facts.report("application")["routes"].append(["MOUNT", "/static"])
    served = [route for route in facts.report("application")["routes"] if route[0] != "MOUNT"]
    facts.part("server")["asked"]["report"]["routes"] = served
    assert facts.findings()["server-answers"].outcome == "PASS"


def test_what_the_server_answers_is_told_where_its_routes_are_right_and_their_number_where_they_are_not() -> None:
    assert found("server-answers").found.startswith("200 {")
    facts = good("backend")
    facts.part("server")["asked"]["report"]["routes"] = [["GET", "/"]]
    finding = facts.findings()["server-answers"]
    assert (finding.outcome, finding.found) == ("FAIL", "it serves 1 routes, the application has 13")


def test_a_server_out_of_memory_is_told_by_that_name() -> None:
    assert found("server-healthy", stopped(137, out_of_memory=True)).found == (
        "it stopped with 137: RuntimeError: no store; it was ended by its memory limit (OOMKilled)"
    )


@pytest.mark.parametrize("exit_code", [0, 1, 143])
def test_a_server_that_ended_otherwise_is_not_told_as_ended_by_its_memory_limit(exit_code: int) -> None:
    assert found("server-healthy", stopped(exit_code, out_of_memory=True)).found == (
        f"it stopped with {exit_code}: RuntimeError: no store; "
        "something in it was killed for want of memory (OOMKilled)"
    )


def lost_a_child(facts: Facts) -> None:
    facts.part("server")["proof"].update(out_of_memory=True)


def test_a_server_that_runs_on_without_a_child_that_was_killed_is_a_finding() -> None:
    finding = found("server-healthy", lost_a_child)
    assert (finding.outcome, finding.category) == ("FAIL", "CODE_BUG")
    assert finding.found == "it runs on, but something in it was killed for want of memory (OOMKilled)"
    assert "docker top" in finding.action


def test_an_unhealthy_server_says_that_a_child_was_killed_too() -> None:
    finding = found("server-healthy", many(server(health="unhealthy", reply="refused\n"), lost_a_child))
    assert finding.found == "unhealthy: refused; something in it was killed for want of memory (OOMKilled)"


def test_a_command_that_cannot_be_run_is_the_image_s_fault_and_another_refusal_the_engine_s() -> None:
    missing = found("server-healthy", server(error='the engine: exec: "serve": executable file not found in $PATH'))
    assert (missing.outcome, missing.category) == ("FAIL", "CODE_BUG")
    full = found("server-healthy", server(error="the engine: no space is left"))
    assert (full.outcome, full.category) == ("ERROR", "ENVIRONMENT")


def test_of_a_server_that_has_not_answered_nobody_knows_what_it_will_import() -> None:
    report = good("backend").part("server")["asked"]["report"]
    finding = found("lazy-server", asked(report={**report, "status": 0, "body": "refused", "watched": 0}))
    assert (finding.outcome, finding.found) == ("ERROR", "not seen: the server had not answered")
    tried = {**report, "status": 0, "body": "refused", "attempts": [attempt("torch", "serve")]}
    assert found("lazy-server", asked(report=tried)).outcome == "FAIL"
