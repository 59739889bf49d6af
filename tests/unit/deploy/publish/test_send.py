"""What an engine says of a transfer is told in words, and the tag that it needed is gone afterwards."""

from collections.abc import Iterator
from typing import Any

import docker.errors
import pytest
import requests
import urllib3.exceptions

from deploy.errors import Exit, Problem
from deploy.publish import send
from deploy.publish.reference import Reference
from tests.support.builds import ENGINE
from tests.support.publishing import config_for, identity

REFERENCE = Reference.read("registry.example/team/name:1")
DIGEST = f"sha256:{'0' * 64}"


class Client:
    """An engine's client that gives this news of a transfer, or fails so."""

    def __init__(self, *news: dict[str, Any] | Exception) -> None:
        self.news, self.did, self.api = news, list[str](), self

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.did.append(f"tag {image} {repository}:{tag}")

    def remove_image(self, name: str, **_options: object) -> None:
        self.did.append(f"remove {name}")

    def push(self, *_arguments: object, **_options: object) -> Iterator[dict[str, Any]]:
        for told in self.news:
            if isinstance(told, Exception):
                raise told
            yield told

    pull = push

    def inspect_image(self, name: str) -> dict[str, Any]:
        self.did.append(f"inspect {name}")
        config = config_for("backend")
        return {"Id": "sha256:id", "Config": config["config"], "RootFS": {"Layers": config["rootfs"]["diff_ids"]}}

    def close(self) -> None:
        self.did.append("close")


def pushed(monkeypatch: pytest.MonkeyPatch, *news: dict[str, Any] | Exception) -> tuple[Client, list[str]]:
    client, said = Client(*news), list[str]()
    monkeypatch.setattr(send, "sdk", lambda *_arguments: client)
    send.push(ENGINE, "sha256:id", REFERENCE, said.append)
    return client, said


def refused(monkeypatch: pytest.MonkeyPatch, *news: dict[str, Any] | Exception) -> Problem:
    with pytest.raises(Problem) as told:
        pushed(monkeypatch, *news)
    assert told.value.doing == "pushing to registry.example/team/name"
    return told.value


def test_an_image_is_pushed_by_its_id_under_a_tag_that_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    client, said = pushed(monkeypatch, {"status": "Pushing"}, {"status": "Pushed"})
    name = "registry.example/team/name:1"
    assert client.did == [f"tag sha256:id {name}", f"remove {name}", "close"]
    assert said == []


def test_that_the_engine_tries_again_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = pushed(monkeypatch, *({"status": f"Retrying in {seconds} seconds"} for seconds in (5, 4, 3)))
    assert said == ["registry.example fails; the engine tries again for up to a minute"]


@pytest.mark.parametrize(
    ("error", "words", "step"),
    [
        ("denied: requested access to the resource is denied", "it refuses this user", "docker login registry.example"),
        ("no basic auth credentials", "it refuses this user", "docker login registry.example"),
        ("unsupported: The operation is unsupported.", "it is read-only", "name a registry that takes images"),
        ("write: no space left on device", "it is full", "make room"),
        ("what?", "what?", "see the registry's log"),
    ],
)
def test_a_refusal_that_the_engine_repeats_says_what_it_means(
    monkeypatch: pytest.MonkeyPatch, error: str, words: str, step: str
) -> None:
    told = refused(monkeypatch, {"error": error})
    assert words in told.wrong
    assert step in told.next_step


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out."), "no news for 120 s"),  # type: ignore[arg-type]
        (requests.exceptions.ReadTimeout("Read timed out."), "no news for 120 s"),
        (requests.exceptions.ConnectionError("Connection aborted."), "it broke off the connection"),
        (docker.errors.APIError("the engine is ill"), "the engine is ill"),
    ],
)
def test_an_engine_that_falls_silent_or_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    assert words in refused(monkeypatch, error).wrong


def test_an_image_that_went_in_the_meantime_is_told_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refused(monkeypatch, docker.errors.NotFound("gone", explanation="No such image: sha256:id"))
    assert (told.code, told.wrong, told.next_step) == (
        Exit.FAILED, "No such image: sha256:id", "./noxw -s build verify",
    )  # fmt: skip


def test_an_image_is_pulled_and_looked_at_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client({"status": "Pulling"})
    monkeypatch.setattr(send, "sdk", lambda *_arguments: client)
    found = send.pull(ENGINE, REFERENCE, DIGEST, print)
    assert client.did[0] == f"inspect registry.example/team/name@{DIGEST}"
    assert found.identity == identity("backend")
