"""Scenes are played one after another, each leaving notes however it ends and no work behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from deploy.contract import read_contract
from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from tests.support.e2e_observations import answer, of, seen
from verify.e2e import play as plays
from verify.e2e.observation import Answer, Observed, Printed, Seen
from verify.e2e.scenes import SCENES
from verify.e2e.stage import Ask, Silent

ENGINE = Engine("unix:///nowhere", "id", "26", "1.45", "overlay2", "0.13", "2.26", "docker")
ROLES = {"client": "backend", "backend": "backend", "misplaced": "backend"}


class FakeStage:
    """Answers by path, the first that fits; counts what is done."""

    def __init__(self, *_arguments: Any) -> None:
        self.roles: dict[str, str] = {}
        self.asked: list[str] = []
        self.signals: list[tuple[str, str]] = []
        self.closed = False

    def respond(self, ask: Ask) -> dict[str, Any]:
        if ask.path.endswith("/start"):
            return answer({"task_id": "op", "operation_id": "op"})
        if ask.path.startswith("/operations/"):
            return of("completed", worker="training-2")
        if ask.path.startswith("/operations"):
            return answer({"operations": []})
        return answer({"workers": [], "models": []})

    def ask(self, *asks: Ask) -> list[Answer]:
        self.asked += [f"{one.method} {one.path}" for one in asks]
        return [Answer.model_validate(self.respond(one)) for one in asks]

    def start(self, name: str, role: str, *_arguments: Any) -> None:
        self.roles[name] = role

    def again(self, name: str) -> None:
        assert name in self.roles

    def signal(self, name: str, signal: str) -> None:
        self.signals.append((name, signal))

    def seen(self, name: str, *, log: bool = False) -> Seen:
        return Seen.model_validate(seen(name, self.roles[name], log="x" if log else ""))

    def ended(self, name: str, _limit: float) -> Seen:
        return self.seen(name, log=True)

    def execute(self, _name: str, command: list[str], _limit: float) -> Printed:
        return Printed(command=command, exit_code=0, output="")

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def new_run(_engine: Engine) -> Iterator[Run]:
        yield Run("r", {})

    monkeypatch.setattr(plays, "new_run", new_run)


def played(monkeypatch: pytest.MonkeyPatch, stage: FakeStage) -> tuple[Observed, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(plays, "Stage", lambda *_: stage)
    observed = plays.play(ENGINE, read_contract(), {}, lambda scene, detail: told.append((scene, detail)))
    assert stage.closed
    return observed, told


def test_every_scene_is_played_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = FakeStage()
    observed, told = played(monkeypatch, stage)
    assert list(observed.scenes) == list(SCENES)
    assert {scene for scene, detail in told if not detail} == set(SCENES)
    assert [one.error for one in observed.scenes.values()] == [""] * len(SCENES)
    assert stage.signals == [("backend", "SIGKILL"), ("training-1", "SIGKILL"), ("training-2", "SIGTERM")]
    assert observed.containers.keys() == stage.roles.keys()
    assert stage.asked.count("POST /trainings/start") == 18


def test_without_a_start_nothing_else_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    class Down(FakeStage):
        def respond(self, ask: Ask) -> dict[str, Any]:
            return answer({}, 503, met=ask.path != "/health")

    observed, _ = played(monkeypatch, Down())
    assert list(observed.scenes) == ["startup"]
    assert observed.scenes["startup"].containers.keys() == {"backend", "training-1", "backtest-1"}


def test_a_scene_that_breaks_off_keeps_its_notes_and_leaves_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FakeStage):
        def respond(self, ask: Ask) -> dict[str, Any]:
            if ask.path == "/operations?limit=500":
                return answer({"operations": [{"operation_id": "op", "status": "running"}]})
            return super().respond(ask) | {"met": not ask.waited_for.endswith("op to end")}

    stage = Slow()
    observed, _ = played(monkeypatch, stage)
    scene = observed.scenes["training"]
    assert (scene.answers["ended"].met, "performance" in scene.answers) == (False, False)
    assert scene.containers.keys() == {"backend", "training-1"}
    assert "DELETE /operations/op" in stage.asked
    assert list(observed.scenes) == list(SCENES)


@pytest.mark.parametrize("body", [{"detail": "starting"}, {"workers": None}, "starting", None])
def test_an_answer_of_another_form_breaks_its_scene_off_and_the_notes_are_kept(
    monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    class Confused(FakeStage):
        def respond(self, ask: Ask) -> dict[str, Any]:
            if ask.path == "/workers" and ("backend", "SIGKILL") in self.signals:
                return answer(body, 503)
            return super().respond(ask)

    stage = Confused()
    observed, _ = played(monkeypatch, stage)
    scene = observed.scenes["restart"]
    assert "an answer is not of the API's form" in scene.error
    assert {"workers", "after"} <= scene.answers.keys()
    assert list(observed.scenes) == list(SCENES)


@pytest.mark.parametrize("operations", [[{"id": "op"}], None, ["op"]])
def test_operations_of_another_form_are_told_where_a_scene_was_to_be_tidied(
    monkeypatch: pytest.MonkeyPatch, operations: Any
) -> None:
    class Confused(FakeStage):
        def respond(self, ask: Ask) -> dict[str, Any]:
            if ask.path.startswith("/operations?"):
                return answer({"operations": operations})
            return super().respond(ask) | {"met": not ask.waited_for.endswith("op to end")}

    observed, _ = played(monkeypatch, Confused())
    assert "an answer is not of the API's form" in observed.scenes["training"].error
    assert list(observed.scenes) == list(SCENES)


@pytest.mark.parametrize("error", [requests.ConnectionError("gone"), Silent("no answers")])
def test_an_engine_that_fails_in_a_scene_is_told_and_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Broken(FakeStage):
        def execute(self, *_arguments: Any) -> Printed:
            raise error

    observed, _ = played(monkeypatch, Broken())
    assert str(error) in observed.scenes["sample"].error
    assert observed.scenes["training"].error == ""
