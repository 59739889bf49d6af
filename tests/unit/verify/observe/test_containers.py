"""Containers have tight limits: none is missed, none outlasts its deadline, none prints without end."""

import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import APIError

from deploy.serving import Limits
from verify.observe import containers
from verify.observe.containers import Gate


class FakeApi:
    """The parts of an engine's API that one container needs; it remembers what was asked of it."""

    def __init__(self, output: Callable[[], Iterator[tuple[bytes | None, bytes | None]]] = lambda: iter(())) -> None:
        self.output, self.said, self.ended = output, list[str](), threading.Event()
        self.host: dict[str, Any] = {}
        self.health: object = "not asked"
        self.environment: dict[str, str] | None = None
        self.archive = b""
        self.refuses: APIError | None = None
        self.state = {"StartedAt": "2026-11-21T10:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z", "ExitCode": 0}

    def create_host_config(self, **values: Any) -> dict[str, Any]:
        self.host = values
        return values

    def create_container(self, image: str, **values: Any) -> dict[str, str]:
        self.said.append(f"create {image} {values['name']}")
        self.health = values["healthcheck"]
        self.environment = values["environment"]
        return {"Id": "c1"}

    def put_archive(self, container: str, path: str, data: bytes) -> bool:
        self.said.append(f"put {container} {path}")
        self.archive = data
        return True

    def remove_container(self, container: str, *, force: bool, v: bool) -> None:
        assert force
        assert v
        self.said.append(f"remove {container}")
        if self.refuses:
            raise self.refuses

    def attach(self, _container: str, **_values: Any) -> Iterator[tuple[bytes | None, bytes | None]]:
        self.said.append("attach")
        return (part for part in self.output())

    def start(self, _container: str) -> None:
        self.said.append("start")

    def kill(self, _container: str) -> None:
        self.said.append("kill")
        self.ended.set()

    def wait(self, _container: str) -> None:
        self.said.append("wait")

    def inspect_container(self, _container: str) -> dict[str, Any]:
        return {"Id": "c1", "Image": "sha256:i", "State": self.state}


class FakeClient:
    def __init__(self, api: FakeApi) -> None:
        self.api = api


def client(api: FakeApi) -> DockerClient:
    return cast("DockerClient", FakeClient(api))


def refusal(status: int) -> APIError:
    error = APIError("no")
    error.response = type("Response", (), {"status_code": status})()
    return error


def made(api: FakeApi, **values: Any) -> Any:
    arguments: dict[str, Any] = {"name": "n", "labels": {"ktrdr.run": "r"}, "command": None, "writable": ["/data"]}
    return containers.container(client(api), "sha256:i", Gate(), **(arguments | values))


def test_a_container_is_removed_when_it_has_done_its_work() -> None:
    api = FakeApi()
    with made(api) as container:
        assert container == "c1"
        assert api.said == ["create sha256:i n"]
    assert api.said[-1] == "remove c1"


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt])
def test_a_container_is_removed_whatever_happens(ending: type[BaseException]) -> None:
    api = FakeApi()
    with pytest.raises(ending), made(api):
        raise ending
    assert api.said[-1] == "remove c1"


@pytest.mark.parametrize("status", [404, 409])
def test_a_container_that_is_gone_or_going_counts_as_removed(status: int) -> None:
    api = FakeApi()
    api.refuses = refusal(status)
    with made(api):
        pass


def test_a_container_that_cannot_be_removed_is_told() -> None:
    api = FakeApi()
    api.refuses = refusal(500)
    with pytest.raises(APIError), made(api):
        pass


LIMITS = {"processors": 1, "memory": "512 MB", "processes": 256, "open_files": 4096}


def test_a_container_gets_the_least_that_it_needs() -> None:
    api = FakeApi()
    with made(api):
        pass
    assert api.host["network_mode"] == "none"
    assert api.host["cap_drop"] == ["ALL"]
    assert api.host["security_opt"] == ["no-new-privileges"]
    assert api.host["read_only"] is True
    assert api.host["mem_limit"] == api.host["memswap_limit"] == 4 * 10**9
    assert api.host["pids_limit"] == 512


def test_a_server_s_container_gets_the_contract_s_limits() -> None:
    api = FakeApi()
    with made(api, limits=Limits.model_validate(LIMITS)):
        pass
    assert api.host["mem_limit"] == api.host["memswap_limit"] == 512_000_000
    assert api.host["pids_limit"] == 256
    assert api.host["ulimits"] == [{"Name": "nofile", "Soft": 4096, "Hard": 4096}]


@pytest.mark.parametrize(("command", "health"), [(None, None), (["python"], {"test": ["NONE"]})])
def test_the_engine_asks_after_the_health_of_the_image_s_own_command_alone(
    command: list[str] | None, health: object
) -> None:
    api = FakeApi()
    with made(api, command=command):
        pass
    assert api.health == health


def test_only_the_contract_s_directories_can_be_written_and_nothing_of_the_host_is_mounted() -> None:
    api = FakeApi()
    with made(api, writable=["/data", "/var/x"]):
        pass
    assert [(one["Target"], one["Type"], one["Source"]) for one in api.host["mounts"]] == [
        ("/data", "volume", None), ("/var/x", "volume", None),
    ]  # fmt: skip
    assert list(api.host["tmpfs"]) == ["/tmp"]
    assert "binds" not in api.host


def test_what_a_container_prints_is_read_until_it_ends() -> None:
    api = FakeApi(lambda: iter([(b"a", None), (None, b"x"), (b"b", b"y")]))
    output, late = containers.run(client(api), "c1", 5)
    assert (output.stdout, output.stderr, output.flooded, late) == (b"ab", b"xy", False, False)
    assert api.said == ["attach", "start", "wait"]


def test_a_container_that_outlasts_its_deadline_is_killed() -> None:
    api = FakeApi()

    def output() -> Iterator[tuple[bytes | None, bytes | None]]:
        yield b"half", None
        api.ended.wait(5)

    api.output = output
    printed, late = containers.run(client(api), "c1", 0.1)
    assert late
    assert printed.stdout == b"half"
    assert "kill" in api.said


def test_a_container_that_prints_without_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "OUTPUT_AT_MOST", 1000)

    def output() -> Iterator[tuple[bytes | None, bytes | None]]:
        while True:
            yield b"x" * 100, b"y" * 100

    api = FakeApi(output)
    printed, late = containers.run(client(api), "c1", 5)
    assert (printed.flooded, late) == (True, False)
    assert len(printed.stdout + printed.stderr) <= 1200
    assert "kill" in api.said


def test_proof_is_the_engine_s_own_word_and_says_nothing_of_what_has_not_happened() -> None:
    proof = containers.proof(client(FakeApi()), "c1")
    assert (proof.container_id, proof.image_id) == ("c1", "sha256:i")
    assert (proof.started, proof.finished) == ("2026-11-21T10:00:00Z", "")
    assert (proof.exit_code, proof.out_of_memory) == (0, False)


def test_a_closed_gate_lets_nothing_through() -> None:
    gate = Gate()
    gate.close()
    with pytest.raises(InterruptedError), gate.passing():
        pass


def test_an_open_gate_lets_many_through_at_once() -> None:
    gate = Gate()
    with gate.passing(), gate.passing():
        pass
    gate.close()


def test_closing_the_gate_waits_for_what_is_being_made() -> None:
    gate, inside, said = Gate(), threading.Event(), list[str]()

    def make() -> None:
        with gate.passing():
            inside.set()
            time.sleep(0.1)
            said.append("made")

    thread = threading.Thread(target=make)
    thread.start()
    inside.wait(5)
    gate.close()
    said.append("closed")
    thread.join()
    assert said == ["made", "closed"]


def test_closing_the_gate_waits_for_no_longer_than_an_answer_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "ANSWER", 0.1)
    gate = Gate()
    with gate.passing():
        began = time.monotonic()
        gate.close()
        assert time.monotonic() - began < 2


def test_a_making_that_fails_does_not_keep_the_gate() -> None:
    gate = Gate()
    with pytest.raises(ValueError, match="no"), gate.passing():
        raise ValueError("no")
    began = time.monotonic()
    gate.close()
    assert time.monotonic() - began < 1


def test_no_container_is_made_behind_a_closed_gate() -> None:
    api, gate = FakeApi(), Gate()
    gate.close()
    arguments: dict[str, Any] = {"name": "n", "labels": {}, "command": None, "writable": []}
    with pytest.raises(InterruptedError), containers.container(client(api), "sha256:i", gate, **arguments):
        pass
    assert api.said == []


def test_a_container_without_a_watch_has_the_image_s_own_environment() -> None:
    api = FakeApi()
    with made(api):
        pass
    assert api.environment is None
    assert not [said for said in api.said if said.startswith("put")]


def test_a_watch_lies_in_a_volume_of_its_own_where_every_python_finds_it() -> None:
    api = FakeApi()
    with made(api, watch=containers.Watch("/run/watch", {"sitecustomize.py": "ü = 1"})):
        pass
    assert api.said == ["create sha256:i n", "put c1 /run/watch", "remove c1"]
    assert api.environment == {"PYTHONPATH": "/run/watch"}
    assert [one["Target"] for one in api.host["mounts"]] == ["/data", "/run/watch"]
    with tarfile.open(fileobj=io.BytesIO(api.archive)) as archive:
        assert {one.name: oct(one.mode) for one in archive} == {"notes": "0o1777", "sitecustomize.py": "0o644"}
        file = archive.extractfile("sitecustomize.py")
        assert file is not None
        assert file.read().decode() == "ü = 1"
