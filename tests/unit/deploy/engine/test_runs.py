"""A run removes what it made, however it ends, and what dead runs left, and nothing else."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from deploy import locks
from deploy.engine import runs
from deploy.engine.connection import Engine
from deploy.engine.labelled import RUN, RUN_HOST, LabelledResource, find, remove
from tests.support.signals import heeded

ENGINE = Engine("unix:///s", "e", "26.1", "1.45", "overlay2", "0.13.1", "2.26.1", "/usr/bin/docker")


@pytest.fixture(autouse=True)
def signals_of_a_terminal() -> Iterator[None]:
    with heeded():
        yield


class FakeEngine:
    """An engine in memory: things by kind and name with their labels, and refusals by name."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, dict[str, str]]] = {"container": {}, "network": {}, "volume": {}, "image": {}}
        self.refuses: dict[str, Exception] = {}
        self.gone = False
        self.api = self

    def add(self, kind: str, name: str, labels: dict[str, str]) -> None:
        self.held[kind][name] = labels

    def names(self) -> list[str]:
        return sorted(name for things in self.held.values() for name in things)

    def _list(self, kind: str, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        if self.gone:
            raise docker.errors.APIError("the engine is gone")

        def matches(labels: dict[str, str], wanted: str) -> bool:
            key, _, value = wanted.partition("=")
            return key in labels and (not value or labels[key] == value)

        return [
            {"Id": name, "Name": name, "Names": [f"/{name}"], "Labels": labels}
            for name, labels in self.held[kind].items()
            if all(matches(labels, wanted) for wanted in filters["label"])
        ]

    def containers(self, *, all: bool, filters: dict[str, list[str]]) -> list[dict[str, Any]]:  # noqa: A002  the SDK's word
        assert all
        return self._list("container", filters)

    def networks(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        return self._list("network", filters)

    def volumes(self, filters: dict[str, list[str]]) -> dict[str, Any]:
        return {"Volumes": self._list("volume", filters) or None}

    def images(self, *, all: bool, filters: dict[str, list[str]]) -> list[dict[str, Any]]:  # noqa: A002  the SDK's word
        assert all
        return self._list("image", filters)

    def _remove(self, kind: str, name: str) -> None:
        if name in self.refuses:
            raise self.refuses[name]
        if self.held[kind].pop(name, None) is None:
            raise docker.errors.NotFound("no such thing")

    def remove_container(self, container: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        self._remove("container", container)

    def remove_network(self, net_id: str) -> None:
        self._remove("network", net_id)

    def remove_volume(self, name: str, *, force: bool) -> None:
        assert force
        self._remove("volume", name)

    def remove_image(self, image: str, *, force: bool) -> None:
        assert force
        self._remove("image", image)

    def close(self) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    monkeypatch.setattr(runs, "sdk", lambda _engine, _timeout: fake)
    return fake


@contextlib.contextmanager
def one_of_each(engine: FakeEngine, said: list[str] | None = None) -> Iterator[runs.Run]:
    with runs.new_run(ENGINE, (said if said is not None else []).append) as run:
        for kind in ("container", "network", "volume", "image"):
            engine.add(kind, run.name(kind), run.labels)
        yield run


def test_a_run_that_succeeds_leaves_nothing(engine: FakeEngine) -> None:
    with one_of_each(engine):
        assert len(engine.names()) == 4
    assert engine.names() == []


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_run_that_fails_leaves_nothing_and_fails_as_it_did(engine: FakeEngine, ending: type[BaseException]) -> None:
    with pytest.raises(ending), one_of_each(engine):
        raise ending
    assert engine.names() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_like_control_c(engine: FakeEngine, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), one_of_each(engine):  # noqa: PT012  the signal comes while it waits
        os.kill(os.getpid(), number)
        threading.Event().wait(1)
    assert engine.names() == []
    assert signal.getsignal(number) is before


def test_cleaning_up_is_not_disturbed_by_another_interruption(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    slowly = engine.remove_network

    def interrupted(net_id: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        slowly(net_id)

    monkeypatch.setattr(engine, "remove_network", interrupted)
    with one_of_each(engine, said):
        pass
    assert engine.names() == []
    assert "cleaning up, at most" in said[0]


def test_what_has_to_end_before_cleaning_up_is_not_disturbed_either(engine: FakeEngine) -> None:
    said: list[str] = []
    ended = False
    with pytest.raises(KeyboardInterrupt), one_of_each(engine, said):  # noqa: PT012  the signals come while it waits
        try:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(1)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(0.01)
            ended = True
    assert ended
    assert engine.names() == []
    assert "cleaning up, at most" in said[0]


def test_what_does_not_carry_the_run_s_label_stays(engine: FakeEngine) -> None:
    engine.add("container", "somebody-else", {"app": "db"})
    engine.add("volume", "another-run", {RUN: "x", RUN_HOST: "another-host"})
    with one_of_each(engine):
        pass
    assert engine.names() == ["another-run", "somebody-else"]


def test_an_engine_that_is_gone_gives_a_warning_and_never_hides_the_failure(engine: FakeEngine) -> None:
    said: list[str] = []
    with pytest.raises(ValueError, match="the true reason"), one_of_each(engine, said) as run:  # noqa: PT012  a block
        engine.gone = True
        raise ValueError("the true reason")
    assert f"{RUN}={run.id} at unix:///s may remain there" in said[-1]


def test_what_cannot_be_removed_is_said(engine: FakeEngine) -> None:
    said: list[str] = []
    with one_of_each(engine, said) as run:
        engine.refuses[run.name("volume")] = docker.errors.APIError("500", explanation="disk on fire")
    assert f"volume {run.name('volume')} remains: disk on fire" in said[-1]
    assert engine.names() == [run.name("volume")]


def test_a_thing_that_appears_while_cleaning_up_goes_too(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    removing = engine.remove_network

    def late(net_id: str) -> None:
        removing(net_id)
        engine.add("container", "late", run.labels)

    monkeypatch.setattr(engine, "remove_network", late)
    with one_of_each(engine) as run:
        pass
    assert engine.names() == []


def test_the_next_run_removes_what_a_dead_run_of_this_machine_left(engine: FakeEngine, tmp_path: Path) -> None:
    host = locks.host_name(tmp_path)
    engine.add("container", "left", {RUN: "dead", RUN_HOST: host})
    said: list[str] = []
    with runs.new_run(ENGINE, said.append):
        assert engine.names() == []
    assert said == ["removed container left, left by run dead"]


def test_two_runs_at_once_do_not_disturb_each_other(engine: FakeEngine) -> None:
    with one_of_each(engine) as first:
        with one_of_each(engine) as second:
            assert first.id != second.id
            assert len(engine.names()) == 8
        assert len(engine.names()) == 4


def test_a_run_is_alive_as_long_as_its_process_even_if_that_is_killed(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from deploy.engine import runs\n"
    program += "with runs._held(Path(sys.argv[1]), 'r1'): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert runs.is_alive(tmp_path, "r1")
        holder.kill()
        holder.wait()
    assert not runs.is_alive(tmp_path, "r1")


@pytest.mark.parametrize("label", ["never-seen", "", "../../etc/passwd"])
def test_a_run_without_a_lock_is_dead(tmp_path: Path, label: str) -> None:
    assert not runs.is_alive(tmp_path, label)


def test_a_run_s_labels_say_whose_it_is(engine: FakeEngine, tmp_path: Path) -> None:
    with runs.new_run(ENGINE) as run:
        assert engine.names() == []
        assert run.labels[RUN] == run.id
        assert run.labels[RUN_HOST] == locks.host_name(tmp_path)
        assert run.labels["ktrdr.run.pid"] == str(os.getpid())
        assert run.labels["ktrdr.run.started"].endswith("+00:00")


def test_this_machine_s_name_stays_the_same_and_is_another_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert locks.host_name(tmp_path) == locks.host_name(tmp_path)
    assert locks.host_name(tmp_path) != locks.host_name(tmp_path / "other")


def test_state_goes_where_the_user_may_write(tmp_path: Path) -> None:
    assert locks.folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "ktrdr"
    assert locks.folder({"HOME": str(tmp_path)}) == tmp_path / ".local" / "state" / "ktrdr"
    assert locks.folder({"HOME": "/dev/null"}).name == f"ktrdr-{os.getuid()}"


def test_what_is_gone_already_counts_as_removed(engine: FakeEngine) -> None:
    assert remove(engine, [LabelledResource("container", "gone", "gone")], 1.0) == {}  # type: ignore[arg-type]  # the fake


def test_only_things_with_our_label_are_ever_found(engine: FakeEngine) -> None:
    engine.add("container", "strange", {"ktrdr.role": "backend"})
    engine.add("container", "ours", {RUN: "x"})
    assert [thing.name for thing in find(engine, {})] == ["ours"]  # type: ignore[arg-type]  # the fake
