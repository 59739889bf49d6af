"""An engine that is stopped, killed or hung before, during and after build and verification, and what comes next."""

import os
import signal
from collections.abc import Iterator

import docker
import pytest

from deploy.artifacts import BUILD, VERDICT
from deploy.engine import daemon, processes
from deploy.engine.connection import Engine
from deploy.engine.daemon import Daemon
from tests.resilience.conftest import left_by
from tests.resilience.second import pid_of
from tests.resilience.site import TINY, Site, told
from tests.support.waiting import until
from verify.judge.verdict import Verdict

WAITING = "sleep 86397"  # a step that is at work when the engine goes
WITHIN = 60.0  # seconds; the deadlines themselves are shortened


HARM = pytest.mark.parametrize(
    ("number", "silent"),
    [
        (signal.SIGTERM, "no such file"),
        (signal.SIGKILL, "connection refused"),
        (signal.SIGSTOP, "it accepts connections and does not answer"),
    ],
    ids=["stopped", "killed", "hung"],
)


def harm(place: Daemon, number: signal.Signals) -> None:
    """Send the engine a signal, and see it end where it does not only hang."""
    one = processes.find(pid_of(place))
    assert one is not None
    os.kill(one.pid, number)
    if number != signal.SIGSTOP:
        until("the engine's end", lambda: not one.lives, 60.0)


def recover(place: Daemon, number: signal.Signals) -> None:
    """Let a hung engine go on, or start it again."""
    if number == signal.SIGSTOP:
        os.kill(pid_of(place), signal.SIGCONT)
    else:
        daemon.stop(place, print)
        daemon.start(place, print)
    until("the engine's answer", lambda: daemon.answers(place.socket))


@pytest.fixture(autouse=True)
def mended(place: Daemon, second: Engine) -> Iterator[None]:
    """Let a hung engine go on, and end the steps that a killed one has left behind."""
    assert second.id
    yield
    if daemon.remembered(place) and processes.find(pid_of(place)):
        os.kill(pid_of(place), signal.SIGCONT)
    for pid, words in processes.command_lines():
        if words == WAITING.split():
            os.kill(pid, signal.SIGKILL)


@HARM
def test_before_the_work_it_is_exit_3_and_what_to_do(
    number: signal.Signals, silent: str, place: Daemon, site: Site
) -> None:
    site.write("RUN true")
    harm(place, number)
    for command in (site.build(), site.verify()):
        ended = command.end(WITHIN)
        told(ended, 3, f"unix://{place.socket} (DOCKER_HOST): {silent}", "next: ")
    assert site.artifacts.path("backend", BUILD).exists(), "what was built before is lost"


@HARM
def test_during_a_build_it_is_exit_3_and_the_next_build_succeeds(
    number: signal.Signals, silent: str, place: Daemon, site: Site
) -> None:
    site.write(f"RUN echo it has begun && {WAITING}")
    building = site.build()
    building.reaches("the step", lambda: "\n   it has begun" in site.log())
    harm(place, number)
    ended = building.end(WITHIN)
    told(ended, 3, f"building on the engine at unix://{place.socket}: it answered before and does not now", "next: ")
    assert silent in ended.printed, ended
    assert not site.artifacts.path(TINY, BUILD).exists()
    recover(place, number)
    site.write("RUN true")
    told(site.build().end(WITHIN), 0)


@HARM
def test_during_a_verification_it_is_an_error_and_the_next_one_clears_up_and_passes(
    number: signal.Signals, silent: str, place: Daemon, site: Site, client: docker.DockerClient
) -> None:
    verifying = site.verify()
    verifying.reaches("containers at work", lambda: left_by(client, verifying.process.pid))
    harm(place, number)
    ended = verifying.end(WITHIN)
    told(ended, 3, "no image FAILs, but not everything could be seen of: backend", "next ")
    last_words = (silent, "it broke off the connection")  # to a request that was under way
    assert any(f"the engine: {words}" in ended.printed for words in last_words), ended
    verdict = site.artifacts.read("backend", VERDICT, Verdict)
    assert verdict.outcome == "ERROR"
    recover(place, number)
    again = site.verify().end(WITHIN)
    told(again, 0, "PASS: every image is what its role demands")
    assert left_by(client, ended.pid) == []
    assert left_by(client, again.pid) == []


def test_an_engine_that_one_may_not_talk_to_is_exit_3_and_says_who_may(site: Site, place: Daemon) -> None:
    unprivileged = (
        "import contextlib, os, deploy.engine.connection, deploy.build.forkserver\n"
        "deploy.build.forkserver.opened = contextlib.nullcontext\n"  # whose directory would be that of the user before
        "once = deploy.engine.connection.find_engine\n"
        "def by_nobody():\n"
        "    os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "    return once()\n"
        "deploy.engine.connection.find_engine = by_nobody\n"
    )
    place.socket.chmod(0o660)
    for command in (site.build(before=unprivileged), site.verify(before=unprivileged)):
        told(command.end(WITHIN), 3, f"unix://{place.socket} (DOCKER_HOST): permission denied", "group docker")
