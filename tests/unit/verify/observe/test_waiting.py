"""Waiting ends with an answer, at the deadline, or once the engine is silent."""

from concurrent.futures import Future
from typing import TYPE_CHECKING, cast

import pytest
import requests.exceptions

from verify.observe import containers
from verify.observe.containers import until

if TYPE_CHECKING:
    from docker import DockerClient


def test_asking_ends_with_the_first_answer() -> None:
    answers = iter([None, None, "yes", "more"])
    assert until(5, lambda: next(answers), 0.001) == "yes"
    assert next(answers) == "more"


def test_asking_ends_at_the_deadline_without_an_answer() -> None:
    asked: list[None] = []
    assert until(0.05, lambda: asked.append(None), 0.01) is None
    assert len(asked) > 1


def test_an_answer_is_asked_for_once_although_no_time_is_left() -> None:
    assert until(0, lambda: "yes") == "yes"


def test_an_answer_may_be_false() -> None:
    assert until(5, lambda: False) is False


def test_a_thread_s_result_and_its_error_reach_whoever_asks() -> None:
    assert containers.spawn(lambda value: value, 5).result(5) == 5
    with pytest.raises(ZeroDivisionError):
        containers.spawn(lambda: 1 / 0).result(5)


class Pinged:
    """An engine that is asked whether it is there, and is, a number of times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def ping(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise requests.exceptions.ReadTimeout("read timed out")


def waited(engine: Pinged, deadline: float) -> int:
    return containers.wait(cast("DockerClient", engine), Future[int](), deadline)


def test_waiting_ends_with_the_deadline_while_the_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "PATIENCE", 0.05)
    engine = Pinged(1000)
    with pytest.raises(TimeoutError):
        waited(engine, 0.2)
    assert engine.left < 999


def test_waiting_ends_long_before_the_deadline_once_the_engine_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "PATIENCE", 0.05)
    with pytest.raises(requests.exceptions.ReadTimeout):
        waited(Pinged(1), 60.0)


def test_waiting_gives_what_was_waited_for_or_how_it_failed() -> None:
    client = cast("DockerClient", Pinged(0))
    assert containers.wait(client, containers.spawn(lambda: 5), 60.0) == 5

    def late() -> int:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        containers.wait(client, containers.spawn(late), 60.0)


def test_what_comes_in_the_very_moment_that_the_wait_ends_counts() -> None:
    class Late(Future[int]):
        def result(self, timeout: float | None = None) -> int:
            if timeout is None:
                return super().result()
            self.set_result(7)
            raise TimeoutError

    assert containers.wait(cast("DockerClient", Pinged(0)), Late(), 0.0) == 7
