"""`engine` and `engine-stop`: what is installed, from where, and what is never touched."""

import dataclasses
import json
from pathlib import Path

import pytest

from deploy import locks
from deploy.engine import apt, bring_up, daemon, processes
from deploy.engine.bring_up import Need, by_hand, needs, plan
from deploy.engine.connection import Engine, Sighting
from deploy.engine.daemon import Daemon
from deploy.engine.endpoint import DEFAULT_HOST, Endpoint
from deploy.engine.processes import Process
from deploy.errors import Exit, Problem
from tests.support.daemons import place_in

OTHER = Process(42, 1)  # a dockerd that runs already
PLUGINS = {"buildx": ("0.13.1", "/p"), "compose": ("2.26.1", "/p")}
ANSWERS = Sighting(
    Endpoint(DEFAULT_HOST, "default"), id="e", version="26.1", cli="/usr/bin/docker", cli_id="e", plugins=PLUGINS
)
ABSENT = Sighting(Endpoint(DEFAULT_HOST, "default"), trouble="absent", detail="no such file")
BOOKWORM = {
    "docker.io": {"bookworm": "20.10.24+dfsg1-1", "trixie": "26.1.5+dfsg1-9"},
    "docker-cli": {"trixie": "26.1.5+dfsg1-9"},
    "docker-buildx": {"trixie": "0.13.1+ds1-3"},
    "docker-compose": {"bookworm": "1.29.2-3", "trixie": "2.26.1-4"},
    "mmdebstrap": {"bookworm": "1.3.5-7", "trixie": "1.5.7-1"},
}


def packages(found: list[Need]) -> list[str]:
    return [need.package for need in found]


def test_nothing_is_missing_beside_a_whole_engine() -> None:
    assert needs(ANSWERS, "26.1.5", "1.3.5", "debian") == []


def test_on_a_bare_machine_everything_is_missing() -> None:
    wanted = ["docker.io", "docker-cli", "docker-buildx", "docker-compose", "mmdebstrap"]
    assert packages(needs(ABSENT, "", "", "debian")) == wanted


def test_an_installed_engine_that_only_does_not_run_is_not_installed_again() -> None:
    seen = dataclasses.replace(ABSENT, cli="/usr/bin/docker", plugins=PLUGINS)
    assert needs(seen, "Docker version 26.1.5, build x", "1.3.5", "debian") == []


def test_a_docker_command_without_engine_and_buildx_stays_the_docker_command() -> None:
    seen = dataclasses.replace(ABSENT, cli="/usr/local/bin/docker")
    assert packages(needs(seen, "", "1.3.5", "debian")) == ["docker.io", "docker-buildx", "docker-compose"]


def test_beside_an_engine_far_away_no_engine_is_missing() -> None:
    far = dataclasses.replace(ANSWERS, endpoint=Endpoint("tcp://far:2375", "DOCKER_HOST"), plugins={})
    assert packages(needs(far, "", "1.3.5", "debian")) == ["docker-buildx", "docker-compose"]


def test_an_old_buildx_counts_as_missing() -> None:
    seen = dataclasses.replace(ANSWERS, plugins={**PLUGINS, "buildx": ("0.11.2", "/p")})
    assert packages(needs(seen, "26", "1.3.5", "debian")) == ["docker-buildx"]


def test_ubuntu_names_two_packages_differently() -> None:
    assert packages(needs(ABSENT, "", "1", "ubuntu")) == ["docker.io", "docker-buildx", "docker-compose-v2"]


def test_where_this_release_is_too_old_docker_comes_whole_from_the_next_one() -> None:
    chosen = plan(needs(ABSENT, "", "", "debian"), BOOKWORM, "bookworm", "trixie")
    assert chosen == [
        *(
            "docker.io/trixie",
            "containerd/trixie",
            "docker-cli/trixie",
            "docker-buildx/trixie",
            "docker-compose/trixie",
        ),
        "mmdebstrap",
    ]


def test_where_this_release_is_new_enough_all_comes_from_it() -> None:
    chosen = plan(needs(ABSENT, "", "", "debian"), BOOKWORM, "trixie", "")
    assert chosen == ["docker.io", "docker-cli", "docker-buildx", "docker-compose", "mmdebstrap"]


def test_security_and_updates_count_as_the_release() -> None:
    need = [Need("dockerd", "docker.io", (23,))]
    assert plan(need, {"docker.io": {"jammy-updates": "0:27.5.1-0ubuntu3"}}, "jammy", "") == ["docker.io"]


def test_without_what_is_vital_there_is_no_plan() -> None:
    assert plan(needs(ABSENT, "", "", "debian"), {"mmdebstrap": {"bookworm": "1"}}, "bookworm", "") == []


def test_without_what_builds_can_do_without_there_is_still_a_plan() -> None:
    need = [Need("buildx", "docker-buildx", (0, 13)), Need("docker compose", "docker-compose", (2,), vital=False)]
    assert plan(need, {"docker-buildx": {"trixie": "0.13.1"}}, "trixie", "") == ["docker-buildx"]


def test_by_hand_means_exactly_these_packages() -> None:
    here = apt.Distribution("debian", "bookworm", "Debian 12")
    said = by_hand([Need("buildx", "docker-buildx")], here, root=False)
    assert "apt-get install --no-install-recommends docker-buildx (of trixie where bookworm has none" in said
    assert "as root" in said


def test_on_another_distribution_what_to_install_is_said() -> None:
    said = by_hand([Need("dockerd", "docker.io")], apt.Distribution("fedora", "", "Fedora 44"), root=True)
    assert "Docker Engine 23 or later" in said


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    return place_in(tmp_path)


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def called(*_arguments: object) -> None:
        pytest.fail("this must not happen")

    for name in names:
        monkeypatch.setattr(bring_up, name, called)


def test_an_engine_that_answers_is_not_touched(monkeypatch: pytest.MonkeyPatch, place: Daemon) -> None:
    engine = Engine(DEFAULT_HOST, "e", "26.1", "1.45", "overlay2", "0.13.1", "2.26.1", "/usr/bin/docker")
    monkeypatch.setattr(bring_up, "look", lambda: ANSWERS)
    monkeypatch.setattr(bring_up, "installed", lambda _program: "26.1")
    monkeypatch.setattr(bring_up, "find_engine", lambda _timeout: engine)
    forbid(monkeypatch, "install", "bring_up")
    said: list[str] = []
    assert bring_up.start(said.append, place) == Exit.OK
    assert "is left alone" in said[0]
    assert any("buildx 0.13.1" in line for line in said)


@pytest.mark.parametrize("trouble", ["absent", "hung"])
def test_a_remote_engine_that_does_not_answer_is_named_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, place: Daemon, trouble: str
) -> None:
    far = Sighting(Endpoint("tcp://far:2375", "DOCKER_HOST"), trouble=trouble, detail="refused")  # type: ignore[arg-type]
    monkeypatch.setattr(bring_up, "look", lambda: far)
    forbid(monkeypatch, "supply", "bring_up")
    with pytest.raises(Problem, match="tcp://far:2375"):
        bring_up.start(print, place)


def test_a_local_engine_that_hangs_is_not_installed_over(monkeypatch: pytest.MonkeyPatch, place: Daemon) -> None:
    hung = dataclasses.replace(ABSENT, trouble="hung", detail="it accepts connections and does not answer")
    monkeypatch.setattr(bring_up, "look", lambda: hung)
    forbid(monkeypatch, "supply", "bring_up")
    with pytest.raises(Problem, match="does not answer"):
        bring_up.start(print, place)


def test_without_root_nothing_is_installed_and_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "this_distribution", lambda: apt.Distribution("debian", "bookworm", "Debian 12"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(bring_up, "installed", lambda _program: "")
    forbid(monkeypatch, "install")
    with pytest.raises(Problem, match="takes root") as caught:
        bring_up.supply(ABSENT, print)
    assert "docker.io docker-cli docker-buildx" in caught.value.next_step
    assert caught.value.code == Exit.UNAVAILABLE


def test_what_builds_can_do_without_is_only_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(bring_up, "installed", lambda program: "26.1" if program == "dockerd" else "")
    said: list[str] = []
    bring_up.supply(ANSWERS, said.append)
    assert "going on without mmdebstrap" in said[-1]


def test_an_installed_engine_that_somebody_else_just_started_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, place: Daemon
) -> None:
    monkeypatch.setattr(daemon, "running", lambda _path, _program: 42)
    monkeypatch.setattr(daemon, "answers", lambda _path: True)
    monkeypatch.setattr(processes, "named", lambda _program: {OTHER})
    bring_up.bring_up(place, {OTHER}, print)
    assert not place.record.exists()


def test_an_engine_that_its_package_started_is_remembered_as_started_here(
    monkeypatch: pytest.MonkeyPatch, place: Daemon
) -> None:
    fresh = Process(43, 2)
    monkeypatch.setattr(processes, "named", lambda _program: {OTHER, fresh})
    monkeypatch.setattr(daemon, "under_systemd", lambda: False)
    monkeypatch.setattr(daemon, "answers", lambda _path: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    bring_up.bring_up(place, {OTHER}, print)
    assert daemon.remembered(place)["pid"] == fresh.pid


def test_a_dockerd_whose_socket_was_removed_is_left_alone_and_the_next_step_is_said(
    monkeypatch: pytest.MonkeyPatch, place: Daemon
) -> None:
    monkeypatch.setattr(daemon, "START_SECONDS", 0.01)
    monkeypatch.setattr(daemon, "running", lambda _path, _program: 42)
    monkeypatch.setattr(processes, "named", lambda _program: {OTHER})
    with pytest.raises(Problem, match=r"dockerd \(process 42\) runs, but it does not answer at") as caught:
        bring_up.bring_up(place, {OTHER}, print)
    assert "end process 42 and run this again" in caught.value.next_step
    daemon.adopt(place, processes.find(1))
    monkeypatch.setattr(daemon, "running", lambda _path, _program: 1)
    with pytest.raises(Problem, match="process 1") as caught:
        bring_up.bring_up(place, {OTHER}, print)
    assert "engine-stop engine" in caught.value.next_step


def test_stop_says_when_there_is_nothing_of_its_own_to_stop(place: Daemon) -> None:
    said: list[str] = []
    assert bring_up.stop(said.append, place) == Exit.OK
    assert said == ["engine-stop: nothing to stop: none runs"]


def test_stop_leaves_an_engine_that_it_did_not_start(monkeypatch: pytest.MonkeyPatch, place: Daemon) -> None:
    monkeypatch.setattr(daemon, "answers", lambda _path: True)
    said: list[str] = []
    bring_up.stop(said.append, place)
    assert "was not started by `engine`, and stays" in said[0]


def test_a_broken_record_is_no_record(place: Daemon) -> None:
    place.record.write_text(json.dumps(["?"]))
    assert daemon.remembered(place) == {}
