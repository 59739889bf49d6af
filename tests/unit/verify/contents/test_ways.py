"""A container of the recorded base image reads layers, within its time; where it cannot, another way is taken."""

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import requests
from docker.errors import APIError, DockerException

from deploy.build_record import Base
from deploy.image_config import ImageConfig
from tests.support.cases import record
from verify.contents import ways
from verify.contents.raw_layer import RawLayer, UnreadableArchive

BASE, ABOVE = ("sha256:" + "0a" * 32, "sha256:" + "0b" * 32), ("sha256:" + "0c" * 32,)
CONFIG = ImageConfig("sha256:i", "i", (*BASE, *ABOVE), directories=("/d/0", "/d/1", "/d/2"))
LABELS = {"ktrdr.run": "one"}
READ = b'{"layer": {"sizes": {"/a": 1}}}\n'
CHANGED = b'{"changed": "/x"}\n'


class Stream:
    """What an engine sends of a container: the prepared chunks, and then its end or, where it hangs, nothing."""

    def __init__(self, *chunks: bytes, hangs: bool = False) -> None:
        self.chunks, self.closed = queue.Queue[bytes | None](), threading.Event()
        for chunk in (*chunks, *([] if hangs else [None])):
            self.chunks.put(chunk)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.chunks.get(timeout=30), None)

    def close(self) -> None:
        self.closed.set()
        self.chunks.put(None)


class Engine:
    """An engine of another machine that has the base image and runs one container."""

    base_url = "http://far"

    def __init__(self, stream: Stream, base: tuple[str, ...] = BASE) -> None:
        self.api, self.stream, self.base = self, stream, base
        self.did: list[str] = []
        self.made: dict[str, Any] = {}

    def info(self) -> dict[str, Any]:
        self.did.append("info")
        return {"DriverStatus": [["Native Overlay Diff", "true"]], "DockerRootDir": "/var/lib/docker"}

    def inspect_image(self, name: str) -> dict[str, Any]:
        self.did.append(f"inspect {name}")
        return {"Id": "sha256:base", "RootFS": {"Layers": list(self.base)}}

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def create_container(self, image_id: str, **options: Any) -> dict[str, str]:
        self.did.append(f"create {image_id}")
        self.made = options
        return {"Id": "c"}

    def attach(self, _container: str, **options: Any) -> Stream:
        self.did.append("attach")
        assert options == {"stdout": True, "stderr": False, "stream": True}
        return self.stream

    def start(self, _container: str) -> None:
        self.did.append("start")

    def remove_container(self, container: str, *, force: bool, v: bool) -> None:
        self.did.append(f"remove {container}" + " by force" * force + " with its volumes" * v)


def permit(passing: Callable[[], Any] = contextlib.nullcontext, layers: tuple[str, ...] = BASE) -> ways.Permit:
    base = Base.model_validate({**record("backend")["base"], "reference": "base:1", "layers": layers})
    return ways.Permit(base, LABELS, passing)


def read(engine: Engine, given: ways.Permit | None, wanted: tuple[str, ...] = ABOVE) -> dict[str, RawLayer] | None:
    return ways.in_place(cast("Any", engine), CONFIG, wanted, given)


def test_a_container_of_the_recorded_base_image_reads_the_layers_and_is_removed() -> None:
    engine = Engine(Stream(READ[:9], READ[9:]))
    found = read(engine, permit())
    assert found == {ABOVE[0]: RawLayer(sizes={"/a": 1})}
    assert found[ABOVE[0]].way == "in place, by a container"
    assert engine.did == [
        "info", "inspect base:1", "create sha256:base", "attach", "start", "remove c by force with its volumes",
    ]  # fmt: skip
    assert engine.stream.closed.is_set()


def test_the_container_has_the_run_s_labels_and_a_python_that_runs_nothing_of_the_image() -> None:
    engine = Engine(Stream(READ))
    read(engine, permit())
    assert engine.made["labels"] == LABELS
    assert engine.made["entrypoint"][:3] == ["python3", "-I", "-S"]
    host = engine.made["host_config"]
    assert (host["network_mode"], host["read_only"], host["cap_drop"]) == ("none", True, ["ALL"])
    assert host["cap_add"] == ["DAC_READ_SEARCH"]


def test_it_finds_each_layer_and_the_engine_s_notes_of_its_archive() -> None:
    engine = Engine(Stream(READ, READ))
    read(engine, permit(), wanted=(BASE[0], ABOVE[0]))
    first, last = (name.removeprefix("sha256:") for name in (BASE[0], list(ways._chain_ids(CONFIG.layers))[2]))
    notes = "/var/lib/docker/image/overlay2/layerdb/sha256/{}/tar-split.json.gz"
    assert {mount["Target"]: mount["Source"] for mount in engine.made["host_config"]["mounts"]} == {
        "/layers/0": "/d/0", "/layers/1": "/d/2", "/notes/0": notes.format(first), "/notes/1": notes.format(last),
    }  # fmt: skip
    assert all(mount["ReadOnly"] for mount in engine.made["host_config"]["mounts"])
    asked = json.loads(engine.made["command"][1])
    assert asked == {"places": ["/layers/0", "/layers/1"], "notes": ["/notes/0", "/notes/1"], "believed": "trusted"}


def test_a_chain_id_is_the_digest_of_the_chain_so_far_and_the_next_layer() -> None:
    """The values are those of ``printf 'sha256:a sha256:b' | sha256sum``, and so on."""
    assert list(ways._chain_ids(["sha256:a", "sha256:b", "sha256:c"])) == [
        "a",
        "970a948bffa8de94d6e22d747ba8c95030e6e546909f98f54e99a13005e173a8",
        "dee159b33409cefa3f6eda71539f006014283e9d9130c18a1dea7bd8a33c9b1b",
    ]


@pytest.mark.parametrize(
    ("recorded", "there"),
    [
        (BASE, (BASE[0],)),
        (BASE, (*BASE, "sha256:more")),
        ((), BASE),
        (CONFIG.layers, CONFIG.layers),
        (("sha256:other",), ("sha256:other",)),
    ],
    ids=["fewer layers", "more layers", "none recorded", "the image itself", "the base of another image"],
)
def test_no_image_but_the_recorded_base_runs_the_reader(recorded: tuple[str, ...], there: tuple[str, ...]) -> None:
    engine = Engine(Stream(READ), there)
    assert read(engine, permit(layers=recorded)) is None
    assert engine.made == {}


def test_without_a_build_record_no_container_is_made() -> None:
    engine = Engine(Stream(READ))
    assert read(engine, None) is None
    assert engine.made == {}


def test_after_the_end_of_the_run_no_container_is_made() -> None:
    engine = Engine(Stream(READ))

    def closed() -> Any:
        raise InterruptedError("the run is ending")

    assert read(engine, permit(closed)) is None
    assert engine.made == {}


ERRORS = [APIError("500"), DockerException("x"), requests.exceptions.ReadTimeout(), TimeoutError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", ["info", "inspect_image", "create_container", "attach", "start", "remove_container"])
def test_an_engine_that_refuses_or_is_silent_leaves_the_layers_to_its_export(
    monkeypatch: pytest.MonkeyPatch, call: str, error: Exception
) -> None:
    engine = Engine(Stream(READ))

    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise error

    monkeypatch.setattr(engine, call, refuse)
    assert read(engine, permit()) is None
    if call in ("attach", "start"):
        assert engine.did[-1] == "remove c by force with its volumes"


def test_a_reader_that_hangs_is_given_up_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "SECONDS", 0.05)
    engine = Engine(Stream(READ[:9], hangs=True))
    assert read(engine, permit()) is None
    assert engine.did[-1] == "remove c by force with its volumes"


def test_a_reader_gets_a_part_of_the_time_that_an_image_s_layers_may_take() -> None:
    from verify.observe.observer import EXPORT_SECONDS  # noqa: PLC0415 - it is no part of what is tested here

    assert 2 * ways.SECONDS < EXPORT_SECONDS


def test_a_layer_that_changed_under_the_container_is_told() -> None:
    with pytest.raises(UnreadableArchive, match="/x"):
        read(Engine(Stream(CHANGED)), permit())


def test_an_engine_whose_directories_are_not_what_it_exports_is_asked_for_its_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(Stream(READ))
    monkeypatch.setattr(engine, "info", lambda: {"DriverStatus": [["Native Overlay Diff", "false"]]})
    assert read(engine, permit()) is None
    assert engine.made == {}
