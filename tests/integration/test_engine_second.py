"""A real second engine, in a network namespace of its own: started, stopped, killed and hung, beside the machine's own.

It uses containerd's image store, the machine's own engine the other one.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from deploy import clean, locks
from deploy.base import bootstrap, image
from deploy.engine import connection, daemon, processes, runs
from deploy.engine.daemon import Daemon
from deploy.engine.labelled import RUN
from deploy.errors import Exit, Problem
from tests.support.checkout import CACHE, read_contract
from tests.support.daemons import place_in
from verify.observe import observer
from verify.observe.model import Subject
from verify.observe.subject import subject_of

CAN_START = os.geteuid() == 0 and shutil.which("dockerd", path=daemon.SYSTEM_PATH) and shutil.which("unshare")
IMAGE = bootstrap.Recipe("0.0", "test", "amd64")
pytestmark = pytest.mark.skipif(not CAN_START, reason="a second engine needs root, dockerd and unshare")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("second")
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"features": {"containerd-snapshotter": True}}))
    options = ("--data-root", str(folder / "data"), "--config-file", str(settings))
    one = place_in(folder, options=options, runner=("unshare", "--net"))
    try:
        yield one
    finally:
        daemon.stop(one, print)
        data = str(folder / "data")  # a dockerd that is killed leaves its data root mounted upon itself
        while any(line.split()[1] == data for line in Path("/proc/mounts").read_text().splitlines()):
            subprocess.run(["umount", data], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)


@pytest.fixture
def second(place: Daemon, monkeypatch: pytest.MonkeyPatch) -> connection.Engine:
    if not daemon.answers(place.socket):
        daemon.start(place, print)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place.socket}")
    return connection.find_engine()


@pytest.fixture
def client(second: connection.Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(connection.sdk(second, 20.0)) as opened:
        yield opened


def load_small_image(client: docker.DockerClient, folder: Path) -> str:
    """Load an image of an empty package database, in the way a bootstrapped one is loaded."""
    made = IMAGE
    with tarfile.open(folder / "layer.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(f"./{bootstrap.STATUS}"))
    with bootstrap.write_archive(made, folder / "layer.tar", folder / "image.tar").open("rb") as stream:
        client.images.load(stream)
    return made.reference


def test_traces_of_a_dead_engine_do_not_keep_a_new_one_from_starting(place: Daemon) -> None:
    daemon.stop(place, print)
    containerd = place.exec_root / "containerd" / "containerd.pid"
    containerd.parent.mkdir(parents=True, exist_ok=True)
    for path in (place.pid_file, containerd):
        path.write_text(str(os.getpid()))
    daemon.start(place, print)
    assert daemon.answers(place.socket)
    assert processes.command_name(daemon.remembered(place)["pid"]) == "dockerd"


def test_it_runs_in_a_session_of_its_own(second: connection.Engine, place: Daemon) -> None:
    pid = daemon.remembered(place)["pid"]
    assert os.getsid(pid) == pid
    assert second.endpoint == f"unix://{place.socket}"


def test_sdk_command_and_python_on_whales_see_the_same_engine(second: connection.Engine) -> None:
    assert connection.whales(second).info().id == second.id
    assert connection.sdk(second).info()["ID"] == second.id
    with_docker_host_unset = {key: value for key, value in os.environ.items() if key != "DOCKER_HOST"}
    command = [*second.command(), "info", "--format", "{{.ID}}"]
    said = subprocess.run(command, env=with_docker_host_unset, capture_output=True, text=True, check=True, timeout=20)
    assert said.stdout.strip() == second.id


def test_an_engine_is_found_quickly(second: connection.Engine) -> None:
    started = time.monotonic()
    assert connection.find_engine().id == second.id
    assert time.monotonic() - started < 1.0


def test_a_stopped_process_is_a_problem_within_the_deadline(second: connection.Engine, place: Daemon) -> None:
    assert second.version
    pid = daemon.remembered(place)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(Problem, match="accepts connections and does not answer"):
            connection.find_engine(timeout=1)
        assert time.monotonic() - started < 4
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("which", ["the second", "the machine's own"])
def test_a_bootstrapped_archive_is_the_same_image_on_either_store(
    which: str, second: connection.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if which == "the machine's own":
        monkeypatch.delenv("DOCKER_HOST")
    found = second if which == "the second" else connection.find_engine()
    with contextlib.closing(connection.sdk(found)) as client:
        reference = load_small_image(client, tmp_path)
        try:
            facts = client.images.get(reference).attrs
        finally:
            client.images.remove(reference)
    with tarfile.open(tmp_path / "image.tar") as tar:
        layer = next(name for name in tar.getnames() if name.endswith("layer.tar"))
    assert facts["RootFS"]["Layers"] == [f"sha256:{layer.partition('/')[0]}"]
    assert facts["Config"]["Labels"]["ktrdr.base.python"] == "0.0"
    assert facts["Config"]["Cmd"] == ["python3"]


def test_an_image_that_a_rebuild_removes_while_it_is_looked_at_is_told_as_gone(
    second: connection.Engine, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With containerd's store nothing keeps the old image; the store of the machine's own engine keeps it untagged."""
    contract = read_contract()
    backend = contract.images["backend"].model_copy(update={"name": "ktrdr-try-rebuilt:1"})

    def build(number: int) -> None:
        command = [*second.command(), "build", "--quiet", "--tag", backend.name, "-"]
        text = f'FROM scratch\nCOPY <<END /number\n{number}\nEND\nCMD ["x"]\n'
        subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60)

    def rebuilt_meanwhile(*arguments: Any) -> Subject:
        found = subject_of(*arguments)
        build(2)
        return found

    build(1)
    monkeypatch.setattr(observer, "subject_of", rebuilt_meanwhile)
    try:
        with runs.new_run(second) as run:
            seen, contents = observer.Observer(second, contract, run, CACHE).observe(backend)
    finally:
        client.images.remove(backend.name)
    assert (seen.gone, seen.subject, contents) == (True, None, None)
    assert "is gone: it was rebuilt, or removed, while it was looked at" in seen.error


def test_without_a_network_no_registry_answers(client: docker.DockerClient) -> None:
    with pytest.raises(image.NoRegistryError):
        image.pull(client, "registry.invalid/python:3.11", "linux/amd64", print)


def left_by(client: docker.DockerClient) -> list[str]:
    containers = [one.name for one in client.containers.list(all=True, filters={"label": RUN})]
    networks = [one.name for one in client.networks.list(filters={"label": RUN})]
    return sorted(str(name) for name in (*containers, *networks, *(v.name for v in client.volumes.list())))


@pytest.fixture
def crowd(client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[runs.Run], None]:
    """Make a container with an anonymous volume, a network and a volume for a run."""
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    image = load_small_image(client, tmp_path)

    def make(run: runs.Run) -> None:
        client.volumes.create(run.name("volume"), labels=run.labels)
        client.networks.create(run.name("network"), labels=run.labels)
        client.containers.create(image, ["x"], name=run.name("one"), labels=run.labels, volumes=["/anonymous"])

    return make


def test_a_failed_run_leaves_nothing_on_the_engine(
    second: connection.Engine, client: docker.DockerClient, crowd: Callable[[runs.Run], None]
) -> None:
    before: list[str] = []
    with pytest.raises(ValueError, match="x"), runs.new_run(second) as run:  # noqa: PT012  a run is a block
        crowd(run)
        before.extend(left_by(client))
        raise ValueError("x")
    assert len(before) == 4
    assert left_by(client) == []


KILLED = """
import os, sys
from pathlib import Path
from deploy import locks
from deploy.engine import connection, runs
locks.folder = lambda: Path(sys.argv[1])
found = connection.find_engine()
with runs.new_run(found) as run:
    connection.sdk(found).volumes.create(run.name("volume"), labels=run.labels)
    print(run.id, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_run_left_goes_with_the_next_and_a_living_run_s_stays(
    second: connection.Engine, client: docker.DockerClient, crowd: Callable[[runs.Run], None], tmp_path: Path
) -> None:
    with runs.new_run(second) as living:
        crowd(living)
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, check=False, timeout=30)
        assert len(left_by(client)) == 5
        said: list[str] = []
        with runs.new_run(second, said.append):
            assert len(left_by(client)) == 4
        assert "left by run" in said[0]
        assert len(left_by(client)) == 4
    assert left_by(client) == []


def test_clean_removes_what_is_ours_and_nothing_else(
    second: connection.Engine, client: docker.DockerClient, crowd: Callable[[runs.Run], None], tmp_path: Path
) -> None:
    client.images.get(IMAGE.reference).tag("somebody/built-on-ours", "1")
    client.volumes.create("somebody-else", labels={"app": "db"})
    (tmp_path / "artifacts").mkdir()
    with runs.new_run(second) as living:
        crowd(living)
        said: list[str] = []
        assert clean.clean(say=said.append) == Exit.OK
        assert len([line for line in said if "is still going" in line]) == 3
        assert said[-1] == "clean: nothing to remove"
    assert clean.clean(tmp_path, say=said.append) == Exit.OK
    assert left_by(client) == ["somebody-else"]
    assert [tag for image in client.images.list() for tag in image.tags] == ["somebody/built-on-ours:1"]
    assert not (tmp_path / "artifacts").exists()
    client.volumes.get("somebody-else").remove()


def test_an_engine_that_dies_under_a_run_gives_a_warning_and_the_true_failure(
    place: Daemon, second: connection.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    said: list[str] = []
    with pytest.raises(ValueError, match="the true reason"), runs.new_run(second, said.append):  # noqa: PT012  a block
        os.kill(daemon.remembered(place)["pid"], signal.SIGKILL)
        time.sleep(0.2)
        raise ValueError("the true reason")
    assert "may remain there" in said[-1]


def test_a_killed_engine_leaves_no_process_after_stop_and_starts_again(place: Daemon) -> None:
    said: list[str] = []
    assert daemon.stop(place, said.append)
    assert "is gone already" in said[0]
    assert daemon.children(place) == []
    daemon.start(place, print)
    assert daemon.answers(place.socket)


def test_stopping_takes_dockerd_its_containerd_and_its_traces(place: Daemon, second: connection.Engine) -> None:
    assert second.id
    assert daemon.children(place) != []
    assert daemon.stop(place, print)
    assert daemon.children(place) == []
    assert not place.socket.exists()
    assert not place.pid_file.exists()
    assert connection.look(timeout=1).trouble == "absent"
