"""A dockerd's traces: pid files, sockets and records are believed only as far as they hold."""

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.engine import bring_up, daemon, processes
from deploy.engine.daemon import Daemon, belongs, clear_stale, judge_pid_file
from deploy.engine.processes import Process, read_stat
from deploy.errors import Problem
from tests.support.daemons import place_in


@pytest.fixture
def place(tmp_path: Path) -> Daemon:
    return place_in(tmp_path)


@contextlib.contextmanager
def child(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(command)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("text", ["", "no number", "-5", "0"])
def test_a_pid_file_without_a_process_id_is_stale(text: str) -> None:
    assert judge_pid_file(text, "dockerd", lambda _pid: "dockerd") == 0


def test_a_pid_file_of_a_dead_process_is_stale() -> None:
    assert judge_pid_file("4242\n", "dockerd", lambda _pid: "") == 0


def test_a_pid_file_whose_id_another_program_has_now_is_stale() -> None:
    assert judge_pid_file("4242", "dockerd", lambda _pid: "postgres") == 0


def test_a_pid_file_of_the_program_itself_is_believed() -> None:
    assert judge_pid_file("4242", "dockerd", lambda _pid: "dockerd") == 4242


def test_stale_pid_files_and_a_dead_socket_are_removed_and_said(place: Daemon) -> None:
    of_containerd = place.exec_root / "containerd" / "containerd.pid"
    of_containerd.parent.mkdir(parents=True)
    for path in (place.pid_file, of_containerd):
        path.write_text(str(os.getpid()))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.socket))
    said: list[str] = []
    clear_stale(place, said.append)
    assert not any(path.exists() for path in (place.pid_file, of_containerd, place.socket))
    assert len(said) == 3


def test_a_socket_behind_which_somebody_listens_stays(place: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(place.socket))
        alive.listen()
        clear_stale(place, print)
    assert place.socket.exists()


def test_a_directory_in_the_socket_s_place_is_a_problem(place: Daemon) -> None:
    place.socket.mkdir()
    with pytest.raises(Problem, match="is not a socket"):
        clear_stale(place, print)


def test_a_dockerd_that_ends_at_once_is_a_problem_with_the_end_of_its_log(
    place: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "dockerd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho failed to start daemon: no iptables\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(Problem, match="dockerd ended with 1:\n  failed to start daemon: no iptables"):
        daemon.start(place, print)
    assert not place.record.exists()


def test_nothing_is_stopped_where_nothing_was_started(place: Daemon) -> None:
    assert not daemon.stop(place, print)


def test_a_process_is_stopped_only_if_it_is_the_one_that_was_started(place: Daemon) -> None:
    said: list[str] = []
    with child("sleep", "60") as stranger:
        place.record.write_text(json.dumps({"schema": 1, "how": "dockerd", "pid": stranger.pid, "started": 1}))
        assert daemon.stop(place, said.append)
        assert stranger.poll() is None
    assert "is gone already" in said[0]


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> list[float]:
    """An engine that answers so; what is returned holds for how long it was waited for."""
    waited: list[float] = []

    def ask(_path: Path, _what: str, seconds: float = 2.0) -> tuple[int, bytes]:
        waited.append(seconds)
        return status, body

    monkeypatch.setattr(daemon, "ask", ask)
    return waited


@pytest.mark.parametrize(
    ("status", "body"),
    [(0, b""), (500, b'{"message": "no"}'), (200, b'{"message": "no"}'), (200, b"no JSON"), (200, b""), (500, b"[]")],
)
def test_an_engine_that_does_not_say_what_runs_on_it_is_not_stopped(
    place: Daemon, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    waited = answering(monkeypatch, status, body)
    with child("sleep", "60") as ours:
        daemon.adopt(place, processes.find(ours.pid))
        with pytest.raises(Problem, match="does not say what runs on it") as caught:
            daemon.stop(place, print)
        assert ours.poll() is None
    assert caught.value.next_step == f"wait until it answers, or end it yourself: kill {ours.pid}"
    assert min(waited) >= 20
    assert place.record.exists()


def test_an_engine_on_which_containers_run_is_not_stopped(place: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 200, b'[{"Id": "1"}, {"Id": "2"}]')
    with child("sleep", "60") as ours:
        daemon.adopt(place, processes.find(ours.pid))
        with pytest.raises(Problem, match="2 containers run on it"):
            daemon.stop(place, print)


@pytest.mark.parametrize(("shims", "said"), [(0, ""), (2, "2 containers run on it")])
def test_an_engine_that_hangs_is_stopped_only_where_its_containerd_runs_nothing(
    place: Daemon, monkeypatch: pytest.MonkeyPatch, shims: int, said: str
) -> None:
    names = {1: "containerd"} | dict.fromkeys(range(2, 2 + shims), "containerd-shim")  # as Linux cuts it off
    answering(monkeypatch, 0, b"")
    with child("sleep", "60") as ours:
        daemon.adopt(place, processes.find(ours.pid))
        monkeypatch.setattr(daemon, "children", lambda _place: [Process(pid, 0) for pid in names])
        monkeypatch.setattr(processes, "command_name", lambda pid: names.get(pid, ""))
        with pytest.raises(Problem, match=said) if said else contextlib.nullcontext():
            monkeypatch.setattr(processes, "wait_until_gone", lambda _children, _seconds: [])
            assert daemon.stop(place, print)


def test_a_process_that_was_started_is_stopped_and_forgotten(place: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 200, b"[]")
    with child("sleep", "60") as ours:
        daemon.adopt(place, processes.find(ours.pid))
        assert daemon.stop(place, print)
        assert ours.wait(1) == -15
    assert not place.record.exists()


class Systemd:
    """A machine whose systemctl notes what it is told, and says that the service's process is `main`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pid, self.log = folder / "main", folder / "told"
        self.log.touch()
        program = folder / "bin" / "systemctl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$*" >> {self.log}\ncase $1 in show) cat {self.pid} ;; esac\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        monkeypatch.setattr(daemon, "under_systemd", lambda: True)

    def runs(self, pid: int) -> None:
        self.pid.write_text(f"{pid}\n")

    @property
    def told(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if not line.startswith("show ")]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    return Systemd(tmp_path, monkeypatch)


@pytest.fixture
def own(place: Daemon) -> Daemon:
    return dataclasses.replace(place, system=True)


def test_a_service_that_was_started_is_stopped_and_forgotten(
    own: Daemon, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 200, b"[]")
    with child("sleep", "60") as main:
        systemd.runs(main.pid)
        daemon.start(own, print)
        assert daemon.remembered(own)["pid"] == main.pid
        assert daemon.stop(own, print)
    assert systemd.told == ["start docker.service", "stop docker.socket docker.service"]
    assert not own.record.exists()


@pytest.mark.parametrize(
    ("body", "said"), [(b'[{"Id": "1"}]', "1 containers run on it"), (b"", "does not say what runs on it")]
)
def test_a_service_on_which_containers_may_run_is_not_stopped(
    own: Daemon, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, body: bytes, said: str
) -> None:
    answering(monkeypatch, 200, body)
    with child("sleep", "60") as main:
        systemd.runs(main.pid)
        daemon.start(own, print)
        with pytest.raises(Problem, match=said):
            daemon.stop(own, print)
    assert systemd.told == ["start docker.service"]
    assert own.record.exists()


def test_a_service_that_was_started_again_since_is_not_stopped(
    own: Daemon, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 200, b"[]")
    with child("sleep", "60") as ours, child("sleep", "60") as another:
        systemd.runs(ours.pid)
        daemon.start(own, print)
        systemd.runs(another.pid)
        with pytest.raises(Problem, match="was started again since") as caught:
            daemon.stop(own, print)
    assert caught.value.next_step.endswith("systemctl stop docker.socket docker.service")
    assert systemd.told == ["start docker.service"]


def test_a_record_that_names_no_process_of_the_service_stops_nothing(own: Daemon, systemd: Systemd) -> None:
    own.record.write_text(json.dumps({"schema": 1, "how": "systemd"}))
    systemd.runs(os.getpid())
    with pytest.raises(Problem, match="is not the one that `engine` started"):
        daemon.stop(own, print)
    assert systemd.told == []


def test_a_service_that_has_ended_is_forgotten(own: Daemon, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 200, b"[]")
    with child("sleep", "60") as main:
        systemd.runs(main.pid)
        daemon.start(own, print)
    systemd.runs(0)
    said: list[str] = []
    assert daemon.stop(own, said.append)
    assert said == ["engine-stop: docker.service, which was started, has ended already"]
    assert systemd.told == ["start docker.service"]
    assert not own.record.exists()


def test_a_service_that_ran_before_is_not_remembered_as_started_here(
    own: Daemon, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 200, b"[]")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    said: list[str] = []
    with child("sleep", "60") as main:
        systemd.runs(main.pid)
        one = processes.find(main.pid)
        assert one
        bring_up.bring_up(own, {one}, said.append)
    assert not own.record.exists()
    assert said == ["engine: docker.service ran already"]


def test_a_record_of_another_boot_says_nothing(place: Daemon) -> None:
    place.record.write_text(json.dumps({"schema": 1, "how": "dockerd", "pid": 1, "started": 1, "boot": "before"}))
    assert daemon.remembered(place) == {}


def test_a_process_that_ignores_the_polite_signal_is_killed() -> None:
    with child("sh", "-c", "trap '' TERM; echo; sleep 60 & wait; sleep 60") as deaf:
        time.sleep(0.1)
        one = processes.find(deaf.pid)
        assert one
        assert one.end(polite=0.1, rude=2)
        assert deaf.wait(1) == -9


def test_a_start_time_is_found_behind_a_name_that_holds_brackets_and_spaces() -> None:
    rest = "S 1 " + " ".join(str(number) for number in range(5, 53))
    assert read_stat(f"42 (a) b) {rest}") == ("S", 22)
    assert read_stat("") == ("", 0)


def test_an_ended_process_is_not_found() -> None:
    assert processes.find(2**22 + 1) is None
    assert not Process(os.getpid(), 1).lives


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("containerd --config /var/run/docker/containerd/containerd.toml", True),
        ("/usr/bin/containerd-shim-runc-v2 -namespace moby -address /var/run/docker/containerd/containerd.sock", True),
        ("containerd-shim-runc-v2 -address /run/containerd/containerd.sock", False),
        ("containerd --config /var/run/docker-second/containerd/containerd.toml", False),
        ("less /var/run/docker/containerd/containerd.toml", False),
    ],
)
def test_children_are_known_by_the_paths_that_they_were_given(line: str, ours: bool) -> None:  # noqa: FBT001
    assert belongs(line.split(), Path("/var/run/docker")) is ours


def test_the_machine_s_own_engine_gets_only_its_address() -> None:
    assert Daemon().command("dockerd")[0] == "dockerd"
    assert "--pidfile" not in Daemon().command("dockerd")
