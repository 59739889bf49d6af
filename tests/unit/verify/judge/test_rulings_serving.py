"""How a server behaves is told in numbers and names: over its limits, refusing, restless, and deaf to the engine."""

from typing import Any

import pytest

from tests.support.cases import Change, Facts, good, many
from tests.support.changes import answered, rested, server, without
from verify.judge.verdict import Finding

CHECKS = ("server-limits", "server-at-once", "server-at-rest", "server-stops")


def found(check: str, change: Change | None = None, role: str = "backend") -> Finding:
    return good(role, change).findings()[check]


def at_rest(**values: Any) -> str:
    finding = found("server-at-rest", lambda facts: rested(facts, **values))
    assert finding.outcome == "FAIL"
    return finding.found


def ended(exit_code: int, **stop: float) -> Change:
    def change(facts: Facts) -> None:
        facts.part("server").update(stop={"allowed": 10.0, "took": 0.6, **stop})
        facts.part("server")["proof"].update(exit_code=exit_code)

    return change


@pytest.mark.parametrize("role", ["backend", "dev", "worker-cpu", "worker-gpu"])
@pytest.mark.parametrize("check", CHECKS)
def test_a_good_server_passes(check: str, role: str) -> None:
    assert found(check, role=role).outcome == "PASS"


def test_the_limits_are_the_contract_s() -> None:
    assert found("server-limits").expected == (
        "512.0 MB of memory, 256 processes and threads, and 4096 open files suffice, and are in force"
    )


def test_what_ran_into_a_limit_is_told_with_the_limit() -> None:
    def killed(facts: Facts) -> None:
        facts.part("server")["proof"].update(exit_code=137, out_of_memory=True)

    assert found("server-limits", killed).found == (
        "it was ended by its memory limit (OOMKilled): it has 512.0 MB of memory"
    )
    assert found("server-limits", lambda facts: rested(facts, refused=3, open_files=64)).found == (
        "3 times a process or thread was refused: 256 are allowed; its first process may open 64 files, not 4096"
    )
    assert found("server-limits", server(processes=256, asked=None)).found.startswith(
        "it has 256 processes and threads"
    )


LONG = "a first line\n" + "x" * 3000 + "\nthe last line"


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("server-limits", lambda facts: facts.part("server")["proof"].update(exit_code=137, out_of_memory=True)),
        ("server-limits", server(processes=256, asked=None)),
        ("server-stops", server(stop=None)),
        ("server-stops", ended(137, took=10.0)),
    ],
)
def test_a_server_that_did_not_come_to_its_own_end_fails_with_the_end_of_its_log(check: str, change: Change) -> None:
    finding = found(check, many(change, server(log=LONG)))
    assert finding.outcome == "FAIL"
    log = finding.evidence.get("log")
    assert log == LONG[-2000:] or "nothing can be started" in finding.found


@pytest.mark.parametrize("processes", [None, 0, 255])
def test_a_server_with_fewer_processes_than_it_may_have_is_within_its_limits(processes: int | None) -> None:
    assert found("server-limits", server(processes=processes)).outcome == "PASS"


@pytest.mark.parametrize("conduct", [{"busy": 0.1}, {"busiest": 0.5}])
def test_a_server_may_compute_as_much_as_the_bounds_say(conduct: dict[str, float]) -> None:
    assert found("server-at-rest", lambda facts: rested(facts, **conduct)).outcome == "PASS"


def test_where_nobody_counts_refusals_none_is_told() -> None:
    assert found("server-limits", lambda facts: rested(facts, refused=None)).outcome == "PASS"


def test_refused_requests_are_told_a_few_of_them() -> None:
    refused = [f"GET /{number}: 503" for number in range(9)]
    finding = found("server-at-once", lambda facts: answered(facts, at_once={"asked": 9, "refused": refused}))
    assert finding.found == "; ".join(refused[:5])


def test_what_a_server_does_at_rest_is_told() -> None:
    assert at_rest(busy=1.0, busiest=1.0) == "it keeps a processor busy for 100% of the time"
    assert at_rest(busiest=0.97) == "a thread computes whenever it gets a processor, 97% of the time"
    assert at_rest(lax=2) == "2 of its processes make files that everybody may write"
    assert at_rest(exposed=["/data/a", "/data/b"]) == "everybody may write /data/a, /data/b"
    assert at_rest(left=["zombie sleep"] * 7).startswith("nobody waits for 7 of its processes: zombie sleep, zombie sl")
    more = {"processes": 0, "threads": 0, "files": 0}
    assert at_rest(more={**more, "processes": 2}) == "2 processes more stay after every request was repeated"
    for what in ("threads", "files"):
        assert at_rest(more={**more, what: 40}) == f"40 {what} more stay after every request was repeated"
        few = {**more, what: 39}
        assert found("server-at-rest", lambda facts, few=few: rested(facts, more=few)).outcome == "PASS"  # type: ignore[misc]
    assert at_rest(written=["/tmp/x"]) == "it writes outside of /data: /tmp/x"


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "its log on the engine is empty"), (100_001, "its log on the engine has 100,001 bytes or more")],
)
def test_a_log_that_is_empty_or_too_long_is_told(size: int, told: str) -> None:
    assert found("server-at-rest", server(log_bytes=size)).found == told


@pytest.mark.parametrize("size", [1, 100_000, None])
def test_a_log_within_bounds_or_kept_elsewhere_is_right(size: int | None) -> None:
    assert found("server-at-rest", server(log_bytes=size)).outcome == "PASS"


def test_how_a_server_ended_is_told_with_its_signal() -> None:
    assert found("server-stops").expected == "SIGTERM ends it within 10 s, with exit code 0"
    assert found("server-stops", ended(137, took=10.1)).found == (
        "the engine killed it after 10 s: it did not heed SIGTERM"
    )
    assert found("server-stops", ended(137, took=10.0)).found.startswith("the engine killed it after 10 s")
    assert found("server-stops", ended(137)).found == "exit code 137 after 0.6 s"
    assert found("server-stops", ended(3)).found == "exit code 3 after 0.6 s"
    assert found("server-stops", server(stop=None)).found == "it ended by itself with 0, before it was stopped"


@pytest.mark.parametrize("check", CHECKS)
def test_of_a_server_that_did_not_start_or_run_nothing_is_said(check: str) -> None:
    assert found(check, without("server")).outcome == "ERROR"
    stopped = found(check, server(running=False, asked=None, stop=None, log_bytes=None))
    assert (stopped.outcome, stopped.evidence["because"] in ("server-answers", "server-healthy")) == ("ERROR", True)


@pytest.mark.parametrize("report", [{}, {"rest": None, "at_once": 5}, {"rest": {"busy": 10**400}, "at_once": []}])
@pytest.mark.parametrize("check", CHECKS[:3])
def test_a_malformed_report_is_an_error(check: str, report: dict[str, Any]) -> None:
    finding = found(check, lambda facts: facts.part("server")["asked"].update(report=report))
    assert (finding.outcome, "malformed" in finding.found) == ("ERROR", True)
