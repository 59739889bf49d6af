"""Scenarios run one after another; however one ends, it leaves its notes and no work behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from tests.support.checkout import read_contract
from tests.support.e2e_observations import answer, of, seen
from verify.e2e import run as runs
from verify.e2e.observation import Answer, ContainerState, Printed, SystemObservation
from verify.e2e.scenarios import SCENARIOS
from verify.e2e.system import Call, NoAnswer

ENGINE = Engine("unix:///nowhere", "id", "26", "1.45", "overlay2", "0.13", "2.26", "docker")
ROLES = {"client": "backend", "backend": "backend", "misplaced": "backend"}


class FakeSystem:
    """Answers by path, the first that fits; counts what is done."""

    def __init__(self, *_arguments: Any) -> None:
        self.roles: dict[str, str] = {}
        self.asked: list[str] = []
        self.signals: list[tuple[str, str]] = []
        self.closed = False

    def respond(self, call: Call) -> dict[str, Any]:
        if call.path.endswith("/start"):
            return answer({"task_id": "op", "operation_id": "op"})
        if call.path.startswith("/operations/"):
            return of("completed", worker="training-2")
        if call.path.startswith("/operations"):
            return answer({"operations": []})
        return answer({"workers": [], "models": []})

    def call(self, *calls: Call) -> list[Answer]:
        self.asked += [f"{call.method} {call.path}" for call in calls]
        return [Answer.model_validate(self.respond(call)) for call in calls]

    def start(self, name: str, role: str, *_arguments: Any) -> None:
        self.roles[name] = role

    def restart(self, name: str) -> None:
        assert name in self.roles

    def signal(self, name: str, signal: str) -> None:
        self.signals.append((name, signal))

    def state(self, name: str, *, log: bool = False) -> ContainerState:
        return ContainerState.model_validate(seen(name, self.roles[name], log="x" if log else ""))

    def await_end(self, name: str, _limit: float) -> ContainerState:
        return self.state(name, log=True)

    def execute(self, _name: str, command: list[str], _limit: float) -> Printed:
        return Printed(command=command, exit_code=0, output="")

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def new_run(_engine: Engine) -> Iterator[Run]:
        yield Run("r", {})

    monkeypatch.setattr(runs, "new_run", new_run)


def ran(monkeypatch: pytest.MonkeyPatch, system: FakeSystem) -> tuple[SystemObservation, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(runs, "System", lambda *_: system)
    observed = runs.run_scenarios(ENGINE, read_contract(), {}, lambda scenario, detail: told.append((scenario, detail)))
    assert system.closed
    return observed, told


def test_every_scenario_runs_and_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    system = FakeSystem()
    observed, told = ran(monkeypatch, system)
    assert list(observed.scenarios) == list(SCENARIOS)
    assert {scenario for scenario, detail in told if not detail} == set(SCENARIOS)
    assert [one.error for one in observed.scenarios.values()] == [""] * len(SCENARIOS)
    assert system.signals == [("backend", "SIGKILL"), ("training-1", "SIGKILL"), ("training-2", "SIGTERM")]
    assert observed.containers.keys() == system.roles.keys()
    assert system.asked.count("POST /trainings/start") == 18


def test_without_a_start_nothing_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Down(FakeSystem):
        def respond(self, call: Call) -> dict[str, Any]:
            return answer({}, 503, met=call.path != "/health")

    observed, _ = ran(monkeypatch, Down())
    assert list(observed.scenarios) == ["startup"]
    assert observed.scenarios["startup"].containers.keys() == {"backend", "training-1", "backtest-1"}


def test_a_scenario_that_breaks_off_keeps_its_notes_and_leaves_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FakeSystem):
        def respond(self, call: Call) -> dict[str, Any]:
            if call.path == "/operations?limit=500":
                return answer({"operations": [{"operation_id": "op", "status": "running"}]})
            return super().respond(call) | {"met": not call.waited_for.endswith("op to end")}

    system = Slow()
    observed, _ = ran(monkeypatch, system)
    scenario = observed.scenarios["training"]
    assert (scenario.answers["ended"].met, "performance" in scenario.answers) == (False, False)
    assert scenario.containers.keys() == {"backend", "training-1"}
    assert "DELETE /operations/op" in system.asked
    assert list(observed.scenarios) == list(SCENARIOS)


@pytest.mark.parametrize("body", [{"detail": "starting"}, {"workers": None}, "starting", None])
def test_an_answer_of_another_form_breaks_its_scenario_off_and_the_notes_are_kept(
    monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    class Confused(FakeSystem):
        def respond(self, call: Call) -> dict[str, Any]:
            if call.path == "/workers" and ("backend", "SIGKILL") in self.signals:
                return answer(body, 503)
            return super().respond(call)

    system = Confused()
    observed, _ = ran(monkeypatch, system)
    scenario = observed.scenarios["restart"]
    assert "an answer is not of the API's form" in scenario.error
    assert {"workers", "after"} <= scenario.answers.keys()
    assert list(observed.scenarios) == list(SCENARIOS)


@pytest.mark.parametrize("operations", [[{"id": "op"}], None, ["op"]])
def test_operations_of_another_form_are_reported_where_a_scenario_was_to_be_tidied(
    monkeypatch: pytest.MonkeyPatch, operations: Any
) -> None:
    class Confused(FakeSystem):
        def respond(self, call: Call) -> dict[str, Any]:
            if call.path.startswith("/operations?"):
                return answer({"operations": operations})
            return super().respond(call) | {"met": not call.waited_for.endswith("op to end")}

    observed, _ = ran(monkeypatch, Confused())
    assert "an answer is not of the API's form" in observed.scenarios["training"].error
    assert list(observed.scenarios) == list(SCENARIOS)


@pytest.mark.parametrize("error", [requests.ConnectionError("gone"), NoAnswer("no answers")])
def test_an_engine_that_fails_in_a_scenario_is_reported_and_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Broken(FakeSystem):
        def execute(self, *_arguments: Any) -> Printed:
            raise error

    observed, _ = ran(monkeypatch, Broken())
    assert str(error) in observed.scenarios["sample"].error
    assert observed.scenarios["training"].error == ""
