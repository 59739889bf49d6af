"""An engine that may be harmed, with the backend's image and a small one on it, and a checkout to build from."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deploy.artifacts import BUILD, Artifacts
from deploy.build_record import BuildRecord
from deploy.engine import connection as engines
from deploy.engine import daemon
from deploy.engine.connection import Engine, find_engine
from deploy.engine.daemon import Daemon
from deploy.engine.labelled import RUN_PID, LabelledResource, find
from tests.integration.conftest import execute
from tests.resilience.second import CAN_START, WHY_NOT, load_small, second_engine
from tests.resilience.site import Site, make_site


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def good(original: Site) -> Iterator[Artifacts]:
    """The backend's image on the machine's own engine, under the checkout's name for it; the record of its build."""
    artifacts = Artifacts(original.artifacts.root.with_name("good"))
    command = (sys.executable, "-m", "deploy", "build", "backend", "--artifacts", str(artifacts.root))
    ended = execute(*command, cwd=original.checkout, seconds=1200)
    assert ended.code == 0, ended
    yield artifacts
    with contextlib.closing(engines.sdk(find_engine())) as client:
        client.images.remove(built(artifacts).tag)


def built(artifacts: Artifacts) -> BuildRecord:
    """Return the record of the backend's build."""
    return artifacts.read("backend", BUILD, BuildRecord)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if not CAN_START:
        pytest.skip(WHY_NOT)
    with second_engine(tmp_path_factory.mktemp("engine") / "second") as one:
        yield one


@pytest.fixture(scope="session")
def loaded(place: Daemon, good: Artifacts) -> Engine:
    """The second engine with both images."""
    daemon.start(place, print)
    own = find_engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{place.socket}")
        found = find_engine()
    carry(own, found, built(good).tag)
    with contextlib.closing(engines.sdk(found)) as client:
        load_small(client)
    return found


def carry(source: Engine, target: Engine, *names: str) -> None:
    """Carry images from one engine to another."""
    with subprocess.Popen([*source.command(), "save", *names], stdout=subprocess.PIPE) as saving:
        subprocess.run(
            [*target.command(), "load"], stdin=saving.stdout, stdout=subprocess.DEVNULL, check=True, timeout=300
        )
    assert saving.returncode == 0


@pytest.fixture
def second(place: Daemon, loaded: Engine) -> Engine:
    """The second engine, running whatever the test before has done to it."""
    if not daemon.answers(place.socket):
        daemon.stop(place, print)
        daemon.start(place, print)
    return loaded


@pytest.fixture
def client(second: Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(engines.sdk(second, 20.0)) as connection:
        yield connection


@pytest.fixture
def site(original: Site, second: Engine, good: Artifacts, tmp_path: Path) -> Site:
    """The checkout with artifacts of the test's own, in which the backend has been built; it uses the second engine."""
    artifacts = Artifacts(Path(shutil.copytree(good.root, tmp_path / "artifacts")))
    environment = {"DOCKER_HOST": second.endpoint, "PYTHON_IMAGE": "ktrdr-try-small:1"}
    return Site(original.checkout, artifacts, {**original.environment, **environment})


def left_by(client: docker.DockerClient, pid: int) -> list[LabelledResource]:
    """Return what a process left on the engine: containers, networks and volumes with its label."""
    return find(client, {RUN_PID: str(pid)})
