"""A server that somebody killed is not the code's fault, and that nobody answered is told with its reason."""

from typing import Any

import pytest

from tests.support.cases import Change, good, many
from tests.support.changes import server
from verify.judge.verdict import Finding


def found(check: str, change: Change) -> Finding:
    return good("backend", change).findings()[check]


def asked(**values: Any) -> Change:
    return lambda facts: facts.part("server")["asked"].update(**values)


def proof(**values: Any) -> Change:
    return lambda facts: facts.part("server")["proof"].update(**values)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (asked(report=None, printed=" \n"), "what asks the server ended with 0 and reported nothing"),
        (asked(report=None, printed="", error="no such file"), "no such file"),
        (server(asked=None), "nobody could ask"),
    ],
)
def test_that_nobody_answered_is_never_told_without_a_reason(change: Change, told: str) -> None:
    finding = found("server-answers", change)
    assert (finding.outcome, finding.category, finding.found) == ("FAIL", "CODE_BUG", f"no answer: {told}")


@pytest.mark.parametrize("code", [137, 143])
def test_a_server_that_was_killed_while_it_was_asked_is_not_the_code_s_fault(code: int) -> None:
    killed = many(asked(report=None, printed=""), server(stop=None), proof(exit_code=code))
    for check, before in (("server-answers", "no answer: "), ("server-stops", "")):
        finding = found(check, killed)
        assert (finding.outcome, finding.category) == ("FAIL", "ENVIRONMENT")
        assert finding.found == f"{before}it was killed from outside ({code}), by nobody of this run"
        assert "log of the engine" in finding.action


def test_a_server_without_memory_was_not_killed_from_outside() -> None:
    change = many(server(stop=None), proof(exit_code=137, out_of_memory=True))
    assert found("server-stops", change).category == "CODE_BUG"
