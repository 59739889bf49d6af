"""What was seen of an image is kept, whatever else failed."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from docker.errors import (
    APIError,
    DockerException,
    ImageNotFound,
    NotFound,
    create_api_error_from_http_exception,
)

from deploy.engine import connection
from deploy.errors import Problem
from tests.support.checkout import CACHE, read_contract
from tests.support.image_configs import config
from verify.contents import cache
from verify.contents.raw_layer import UnreadableArchive
from verify.observe import observer
from verify.observe.model import ProbeRun, ServerRun
from verify.observe.observer import gpu_devices
from verify.observe.server import seconds_between
from verify.observe.subject import subject_of


def test_a_gpu_is_asked_for_by_its_cdi_name_where_the_engine_has_found_one() -> None:
    (device,) = gpu_devices({"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]})
    assert (device["Driver"], device["DeviceIDs"]) == ("cdi", ["nvidia.com/gpu=all"])


@pytest.mark.parametrize(
    "info",
    [{}, {"CDISpecDirs": ["/etc/cdi"]}, {"DiscoveredDevices": None}, {"DiscoveredDevices": [{"ID": "other/device"}]}],
)
def test_all_gpus_are_asked_for_where_the_engine_knows_no_such_names(info: dict[str, Any]) -> None:
    (device,) = gpu_devices(info)
    assert (device["Driver"], device["Count"], device["Capabilities"]) == ("nvidia", -1, [["gpu"]])


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:05Z", 5.0),
        ("2026-11-21T10:00:00.123456789Z", "2026-11-21T10:00:01.123456789Z", 1.0),
        ("2026-11-21T10:00:00.5Z", "2026-11-21T11:00:01+01:00", 0.5),
        ("2026-11-21T23:59:59.9Z", "2026-11-22T00:00:00.1Z", 0.2),
        ("2026-11-21T10:00:00.123456789Z", "2026-11-21T10:00:02.623+00:00", 2.5),
        ("2026-11-21T10:00:00.5+00:00", "2026-11-21T11:00:01.123456+01:00", 0.623),
    ],
)
def test_the_engine_s_times_are_read_whatever_their_precision_and_zone(start: str, end: str, seconds: float) -> None:
    assert seconds_between(start, end) == seconds


@pytest.mark.parametrize("time", ["", "soon", "2026-11-21T10:00:02.623"])
def test_what_is_no_time_or_has_no_zone_is_a_value_error(time: str) -> None:
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        seconds_between("2026-11-21T10:00:00Z", time)


class FakeEngine:
    """An engine that answers the one question about an image, or refuses to."""

    def __init__(self, refusal: Exception) -> None:
        self.refusal, self.api, self.closed = refusal, self, False

    def inspect_image(self, _name: str) -> dict[str, Any]:
        raise self.refusal

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("late", ["probe", "_serve"])
def test_what_one_container_came_to_is_kept_when_the_engine_is_not_done_with_the_other(
    monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    contract, release, closed = read_contract(), threading.Event(), threading.Event()
    run = ProbeRun(nonce="n", proof=None, seconds=1.0, results=None)
    server = ServerRun(proof=None, health="healthy", running=True, seconds_to_healthy=1.0, reply="", asked=None, log="")
    inspected = {"Id": "sha256:i", "RootFS": {"Layers": []}, "Config": {}}
    client = SimpleNamespace(inspect_image=lambda _: inspected, history=lambda _: [])
    monkeypatch.setattr(
        connection, "sdk", lambda *_arguments, **_options: SimpleNamespace(api=client, close=closed.set)
    )
    monkeypatch.setattr(observer, "RUNS_SECONDS", 0.5)
    looking = observer.Observer(cast("Any", None), contract, cast("Any", None), CACHE)
    for name, result in {"probe": run, "_serve": server, "_contents": (None, "not read")}.items():
        monkeypatch.setattr(looking, name, lambda *_, result=result: result)
    monkeypatch.setattr(looking, late, lambda *_: release.wait(30))  # so long at most, if it is waited for
    seen = looking.observe(contract.images["dev"])[0]
    release.set()
    assert (seen.probes, seen.server) == ((None, server) if late == "probe" else (run, None))
    assert seen.error == "the engine: it was not done with the image's containers within 0 s"
    assert closed.is_set()


@pytest.mark.parametrize("fails", [False, True])
def test_the_reading_of_layers_is_shown_while_it_lasts(monkeypatch: pytest.MonkeyPatch, *, fails: bool) -> None:
    def contents_of(*_arguments: Any, begin: Any, **_options: Any) -> None:
        begin()
        if fails:
            raise UnreadableArchive

    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(cache, "contents_of", contents_of)
    contract, shown = read_contract(), list[tuple[str, str]]()
    run = SimpleNamespace(labels={})
    looking = observer.Observer(
        cast("Any", None), contract, cast("Any", run), CACHE, tell=lambda *said: shown.append(said)
    )
    looking._contents(contract.images["dev"], config({}), None)
    assert shown == [("dev", "reading the layers"), ("dev", "")]


def test_an_image_is_read_as_if_no_directory_were_meant_to_be_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[list[str]]()
    inspected = {"Id": "sha256:i", "RootFS": {"Layers": ["sha256:l"]}, "Config": {"User": "1:1"}}
    client = SimpleNamespace(inspect_image=lambda _: inspected, history=lambda _: [])
    monkeypatch.setattr(connection, "sdk", lambda *_, **__: SimpleNamespace(api=client, close=lambda: None))
    monkeypatch.setattr(cache, "contents_of", lambda *arguments, **_: read.append(arguments[3]))
    looking = observer.Observer(cast("Any", None), read_contract(), cast("Any", SimpleNamespace(labels={})), CACHE)
    seen, contents = looking.read(read_contract().images["dev"])
    assert read == [[]]
    assert contents is None
    assert seen.subject is not None
    assert (seen.subject.user, seen.subject.layers, seen.probes, seen.server) == ("1:1", ["sha256:l"], None, None)


def test_an_image_that_is_not_there_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "sdk", lambda *_, **__: FakeEngine(no_such_image("ktrdr-backend:dev")))
    looking = observer.Observer(cast("Any", None), read_contract(), cast("Any", SimpleNamespace(labels={})), CACHE)
    seen, contents = looking.read(read_contract().images["dev"])
    assert (seen.error, seen.subject, contents) == ("no image ktrdr-backend:dev on the engine", None, None)


def no_such_image(image_id: str) -> Exception:
    """What the SDK raises for the answer of an engine to a request for an image that it has not."""
    answer = requests.Response()
    answer.status_code, answer._content = 404, json.dumps({"message": f"No such image: {image_id}"}).encode()
    answer.headers["Content-Type"] = "application/json"
    try:
        create_api_error_from_http_exception(requests.HTTPError("404 Client Error: Not Found", response=answer))
    except APIError as error:
        return error
    raise AssertionError("it raises nothing")


class Rebuilding:
    """An engine on containerd's image store, on which the image is built anew once it was looked up so many times."""

    def __init__(self, *, asked: int, history: bool = True) -> None:
        self.asked, self.has_history, self.api, self.closed = asked, history, self, 0

    def close(self) -> None:
        self.closed += 1

    def inspect_image(self, name: str) -> dict[str, Any]:
        self.asked -= 1
        if self.asked < 0 and name == "sha256:old":
            raise no_such_image(name)
        return {"Id": "sha256:old", "RootFS": {"Layers": []}, "Config": {}}

    def history(self, name: str) -> list[dict[str, Any]]:
        if not self.has_history:
            raise no_such_image(name)
        return []

    def info(self) -> dict[str, Any]:
        return {}

    def create_container(self, image_id: str, **_: Any) -> dict[str, Any]:
        raise no_such_image(image_id)

    def create_host_config(self, **_: Any) -> None:
        return None

    def get_image(self, image_id: str, **_: Any) -> Any:
        said = f"failed to get digest {image_id}: open {image_id}: no such file or directory"  # Docker Engine 26.1
        raise NotFound("404 Client Error: Not Found", explanation=said)


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("history", [True, False])
def test_an_image_that_is_rebuilt_while_it_is_looked_at_is_told_as_gone(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, history: bool
) -> None:
    engine = Rebuilding(asked=1, history=history)
    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: engine)
    run = SimpleNamespace(name=str, labels={})
    looking = observer.Observer(cast("Any", None), read_contract(), cast("Any", run), CACHE)
    image = read_contract().images["dev"]
    seen = looking.observe_gpu(image) if gpu else looking.observe(image)[0]
    assert (seen.gone, seen.probes, seen.server, seen.gpu) == (True, None, None, None)
    assert seen.error == "the image sha256:old is gone: it was rebuilt, or removed, while it was looked at"


def test_an_image_that_is_still_there_is_not_told_as_gone_whatever_else_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Rebuilding(asked=9)
    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: engine)
    run = SimpleNamespace(name=str, labels={})
    seen, _ = observer.Observer(cast("Any", None), read_contract(), cast("Any", run), CACHE).observe(
        read_contract().images["dev"]
    )
    assert (seen.gone, seen.error) == (False, "")
    assert seen.server is not None
    assert seen.server.error == "the engine: No such image: sha256:old"


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (ImageNotFound("no such image"), "no image ktrdr-backend:dev on the engine"),
        (APIError("500 server error"), "the engine: 500 server error"),
        (ConnectionRefusedError("refused"), "the engine: refused"),
        (TimeoutError("no answer"), "the engine: no answer"),
        (DockerException("no version"), "the engine: no version"),
        (requests.ConnectionError("gone"), "the engine: gone"),
        (OSError(28, "No space left", "/tmp/x"), "this machine: [Errno 28] No space left: '/tmp/x'"),
        (
            Problem("keeping state", "none can be written", "set it"),
            "keeping state: none can be written\n  next: set it",
        ),
    ],
)
def test_an_image_that_cannot_be_looked_at_is_an_observation_that_says_why(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, told: str, *, gpu: bool
) -> None:
    asked = FakeEngine(refusal)
    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: asked)
    contract = read_contract()
    looking = observer.Observer(cast("Any", None), contract, cast("Any", None), CACHE)
    image = contract.images["dev"]
    seen = looking.observe_gpu(image) if gpu else looking.observe(image)[0]
    assert (seen.role, seen.subject, seen.error) == ("dev", None, told)
    assert asked.closed


@pytest.mark.parametrize(
    ("configured", "volumes", "shell"),
    [
        (
            {"Volumes": {"/opt/venv": {}, "/etc": {}}, "Shell": ["/bin/bash", "-c"]},
            ["/etc", "/opt/venv"],
            ["/bin/bash", "-c"],
        ),
        ({"Volumes": None, "Shell": None}, [], []),
        ({}, [], []),
    ],
)
def test_volumes_and_shell_of_the_subject_are_its_configuration_s(
    configured: dict[str, Any], volumes: list[str], shell: list[str]
) -> None:
    client = cast("Any", SimpleNamespace(api=SimpleNamespace(history=lambda _id: [])))
    subject = subject_of(client, "x:y", config(configured))
    assert (subject.volumes, subject.shell) == (volumes, shell)


SETTINGS: dict[str, Any] = {
    "WorkingDir": "/srv", "StopSignal": "SIGUSR1", "ExposedPorts": {"9/udp": {}, "8000/tcp": {}},
    "OnBuild": ["USER 0", "RUN TOKEN=hunter2-correct-horse x"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9, "Timeout": 3 * 10**8, "Retries": 2},
}  # fmt: skip


def test_whatever_else_an_image_sets_is_the_subject_s_with_its_secrets_hidden() -> None:
    client = cast("Any", SimpleNamespace(api=SimpleNamespace(history=lambda _id: [])))
    subject = subject_of(client, "x:y", replace(config(SETTINGS), author="https://ada:hunter2-correct-horse@r.example"))
    assert subject.author == "https://•••:•••@r.example"
    assert (subject.working_directory, subject.stop_signal) == ("/srv", "SIGUSR1")
    assert (subject.ports, subject.on_build) == (["8000/tcp", "9/udp"], ["USER 0", "RUN TOKEN=••• x"])
    assert subject.healthcheck_numbers == {
        "interval": 1.0, "timeout": 0.3, "start_period": 0.0, "retries": 2, "start_interval": 5.0,
    }  # fmt: skip
    nothing = subject_of(client, "x:y", config({}))
    assert (nothing.working_directory, nothing.stop_signal, nothing.ports, nothing.on_build) == ("", "", [], [])
    assert nothing.healthcheck_numbers == {}
