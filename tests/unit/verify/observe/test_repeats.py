"""The application is asked in further processes where the server answers otherwise, while it agrees with itself."""

import copy
from typing import Any

import pytest

from tests.support.cases import CONTRACT, good
from verify.observe import repeats
from verify.observe.model import ProbeRun

ROUTE = "GET /api/v1/thing3"


class Repeating:
    """What further processes of the application answer to one operation, one after the other."""

    def __init__(self, served: str | None, *digests: str) -> None:
        facts = good("backend")
        if served is not None:
            facts.part("server")["asked"]["report"]["answers"][ROUTE] = served
        self.requests: list[dict[str, Any]] = []
        self.digests, self.seen = list(digests), facts.case().observation

    def ask(self, request: dict[str, Any], _name: str) -> ProbeRun:
        self.requests.append(request["probes"]["application"]["argument"])
        run = copy.deepcopy(self.seen.probes)
        assert run is not None
        report(run)["digests"][ROUTE] = self.digests[min(len(self.requests), len(self.digests)) - 1]
        return run

    def runs(self) -> int:
        return len(repeats.repeats(CONTRACT, self.seen.probes, self.seen.server, 9.0, self.ask))


def report(run: ProbeRun | None) -> dict[str, Any]:
    assert run is not None
    assert run.results is not None
    found = run.results["application"].report
    assert found is not None
    return found


SAME = "200 0123456789abcdef"


@pytest.mark.parametrize(
    ("served", "digests", "runs"),
    [
        (None, [SAME], 0),
        ("200 another", [SAME], repeats.AT_MOST),
        ("200 another", [SAME, "200 a third"], 2),
        ("404 0", ["404 0"], 1),
        ("0 0", [SAME], 0),
    ],
    ids=["alike", "never alike", "by chance", "with the server's status", "without an answer"],
)
def test_the_application_is_asked_again_while_it_agrees_with_itself_and_not_with_the_server(
    served: str | None, digests: list[str], runs: int
) -> None:
    assert Repeating(served, *digests).runs() == runs


def test_each_further_process_is_asked_later_and_not_for_what_ended_the_first() -> None:
    repeating = Repeating("200 another", SAME)
    report(repeating.seen.probes)["lost"] = {"GET /deadly": {"how": "it ended its process with 3"}}
    repeating.runs()
    assert [argument["rest"] for argument in repeating.requests] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert {tuple(argument["skipped"]) for argument in repeating.requests} == {("GET /deadly",)}


@pytest.mark.parametrize("part", ["probes", "server"])
def test_what_was_not_seen_is_not_asked_again(part: str) -> None:
    repeating = Repeating("200 another", SAME)
    repeating.seen = repeating.seen.model_copy(update={part: None})
    assert repeating.runs() == 0
