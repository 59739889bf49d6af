"""The engine is tried with the base image, once, however many images are looked at and whoever is slow."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageNotFound

from deploy.build_record import Base
from deploy.engine import connection
from tests.support.cases import record
from verify.observe.containers import Gate, Output
from verify.observe.control import Control
from verify.observe.model import ControlRun

BASE = Base.model_validate(record("backend")["base"])
NAME = BASE.reference


class Engine:
    """An engine that has the base image, and runs its program as a test says."""

    def __init__(self, *, layers: list[str] | None = None, code: int = 0, refusal: Exception | None = None) -> None:
        self.layers, self.code, self.refusal, self.api = layers or BASE.layers, code, refusal, self
        self.made, self.removed, self.images = list[dict[str, Any]](), list[str](), [NAME]

    def close(self) -> None:
        pass

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name not in self.images:
            raise ImageNotFound("no such image")
        return {"Id": "sha256:base", "RootFS": {"Layers": self.layers}, "Config": {}}

    def create_host_config(self, **values: Any) -> dict[str, Any]:
        return values

    def create_container(self, image_id: str, **values: Any) -> dict[str, str]:
        self.made.append({"image": image_id, **values})
        if self.refusal:
            raise self.refusal
        return {"Id": "c1"}

    def inspect_container(self, container: str) -> dict[str, Any]:
        state = {"StartedAt": "2026-11-21T10:00:00Z", "FinishedAt": "2026-11-21T10:00:01Z", "ExitCode": self.code}
        return {"Id": container, "Image": "sha256:base", "State": state}

    def remove_container(self, container: str, **_: Any) -> None:
        self.removed.append(container)


def control(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, *, said: bytes = b"", late: bool = False, bases: int = 1
) -> Control:
    """A control on this engine, whose program prints this."""
    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: engine)
    monkeypatch.setattr("verify.observe.containers.run", lambda *_: (Output(stderr=said), late))
    run = SimpleNamespace(name=lambda part: f"ktrdr-1-{part}", labels={"run": "1"})
    return Control(cast("Any", None), cast("Any", run), Gate(), [BASE] * bases, 5.0)


def tried(one: Control) -> ControlRun | None:
    return one.begin().result(5)


def test_a_program_of_the_base_image_runs_under_the_limits_of_every_container(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    assert tried(control(monkeypatch, engine)) == ControlRun(reference=NAME)
    (made,) = engine.made
    host = made["host_config"]
    assert (made["image"], made["name"], made["user"]) == ("sha256:base", "ktrdr-1-control", "10001:10001")
    assert (host["cap_drop"], host["security_opt"], host["read_only"]) == (["ALL"], ["no-new-privileges"], True)
    assert (made["labels"], made["use_config_proxy"]) == ({"run": "1"}, False)
    assert engine.removed == ["c1"]


def test_the_engine_is_tried_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    one = control(monkeypatch, engine, bases=4)
    assert len({id(tried(one)) for _ in range(3)}) == 1
    assert len(engine.made) == 1


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (
            255,
            b"exec /usr/bin/python3: operation not permitted\n",
            "it ended with 255: exec /usr/bin/python3: operation",
        ),
        (
            1,
            b"Traceback:\n  line 4\nRuntimeError: can't start new thread\n",
            "it ended with 1: RuntimeError: can't start new thread",
        ),
        (139, b"", "it ended with 139: it printed nothing"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, code: int, said: bytes, told: str
) -> None:
    engine = Engine(code=code)
    seen = tried(control(monkeypatch, engine, said=said))
    assert seen is not None
    assert (seen.reference, seen.error[: len(told)]) == (NAME, told)
    assert engine.removed == ["c1"]


def test_a_program_that_does_not_end_is_told_with_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tried(control(monkeypatch, Engine(), late=True))
    assert seen == ControlRun(reference=NAME, error="it did not end within 5 s")


def test_an_engine_that_refuses_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "unable to apply cgroup configuration: mkdir /sys/fs/cgroup/docker: permission denied"
    seen = tried(control(monkeypatch, Engine(refusal=APIError("500", explanation=words))))
    assert seen == ControlRun(reference=NAME, error=f"the engine: {words}")


@pytest.mark.parametrize("silence", [TimeoutError("no answer"), ConnectionRefusedError("refused")])
def test_an_engine_that_falls_silent_has_refused_nothing(monkeypatch: pytest.MonkeyPatch, silence: Exception) -> None:
    assert tried(control(monkeypatch, Engine(refusal=silence))) is None


@pytest.mark.parametrize("engine", [Engine(layers=["sha256:other"]), Engine()], ids=["another", "none"])
def test_without_the_base_image_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    engine.images = [NAME] if engine.layers != BASE.layers else []
    assert tried(control(monkeypatch, engine)) is None
    assert engine.made == []


def test_without_any_build_record_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(control(monkeypatch, Engine(), bases=0)) is None
