"""Nothing is waited for without end: what does not move is given up, and said to have been waited for."""

import socket
from collections.abc import Iterator

import pytest

from deploy.artifacts import BUILD
from deploy.build_record import BuildRecord
from deploy.engine.connection import Engine
from tests.resilience.site import TINY, Site, told

WITHIN = 60.0
STALL = "import deploy.build.roles\ndeploy.build.roles.STALL = 4.0"
ENDLESS = "import deploy.build.roles\ndeploy.build.roles.DEADLINE = 4.0"


def test_a_step_that_makes_no_progress_is_ended_and_named(site: Site) -> None:
    site.write("RUN echo it has begun && sleep 86395")
    ended = site.build(before=STALL).end(WITHIN)
    told(
        ended,
        1,
        "no output for 4 s; waited for: [2/2] RUN echo it has begun && sleep 86395",
        "next: see what that step",
    )
    assert not site.artifacts.path(TINY, BUILD).exists()


def test_a_step_that_never_ends_is_ended_however_much_it_says(site: Site) -> None:
    site.write("RUN while true; do echo still at it; sleep 0.2; done")
    ended = site.build(before=ENDLESS).end(WITHIN)
    told(ended, 1, "waited 4 s in all for: [2/2] RUN while true; do echo still at it; sleep 0.2; done", "next: ")


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that accepts and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_registry_that_accepts_and_never_answers_is_given_up_and_named(site: Site, second: Engine, mute: int) -> None:
    site.environment["DOCKER_HOST"] = ""  # the machine's own engine: the other one does not see this server
    site.environment["PYTHON_IMAGE"] = f"127.0.0.1:{mute}/python:3.11"
    site.write("RUN true")
    impatient = "import deploy.base.image\ndeploy.base.image.SILENCE_SECONDS = 3.0"
    ended = site.build(before=impatient).end(WITHIN)
    assert second.id
    told(ended, 3, f"getting the base image 127.0.0.1:{mute}/python:3.11", "no registry answers for it", "next: ")


def test_a_registry_of_another_stage_that_never_answers_is_given_up_and_named(
    site: Site, second: Engine, mute: int
) -> None:
    site.environment["DOCKER_HOST"] = ""
    own = f"127.0.0.1:{mute}/mute:1"
    site.environment["PYTHON_IMAGE"] = base_of_own_engine(site)
    site.write(f"COPY --from={own} /x /x")
    ended = site.build(before=STALL).end(WITHIN)
    assert second.id
    told(ended, 1, "no output for 4 s; waited for: ", own, "next: ")


def base_of_own_engine(site: Site) -> str:
    """Return the base image that the backend was built on, which the machine's own engine has."""
    return site.artifacts.read("backend", BUILD, BuildRecord).base.reference
