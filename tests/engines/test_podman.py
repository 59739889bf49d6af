"""Podman of two Debian releases as the engine, with a small image of Docker's: it is read there as it is here."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deploy.engine import connection, runs
from deploy.engine.connection import Engine, find_engine
from deploy.errors import Problem
from deploy.image_config import ImageConfig
from tests.engines.roots import CAN_MAKE, WHY_NOT, podman
from tests.resilience.conftest import carry
from tests.resilience.second import load_small
from verify.contents import archive
from verify.observe import containers

NAME = "ktrdr-try-podman:1"
DOCKERFILE = """\
FROM ktrdr-try-small:1
SHELL ["/bin/sh", "-e", "-c"]
HEALTHCHECK --interval=10s --start-interval=1s CMD ["/bin/cat", "/ready"]
CMD ["/bin/sh", "-c", "trap '' TERM; echo yes >/ready; while :; do sleep 1; done"]
"""
RELEASES = {"5.4": "trixie", "5.8": "forky"}
MINUTES = "NOT TESTED: making other engines takes minutes; ./noxw -s engines does it (KTRDR_ENGINES)"
pytestmark = [
    pytest.mark.skipif(not CAN_MAKE, reason=WHY_NOT),
    pytest.mark.skipif(not os.environ.get("KTRDR_ENGINES"), reason=MINUTES),
]


@pytest.fixture(scope="module")
def here() -> Iterator[docker.DockerClient]:
    """The machine's own engine, with the small image."""
    engine = find_engine()
    with contextlib.closing(connection.sdk(engine)) as client:
        base = load_small(client)
        command = [*engine.command(), "build", "--quiet", "--tag", NAME, "-"]
        subprocess.run(command, input=DOCKERFILE, capture_output=True, text=True, check=True, timeout=120)
        yield client
        for name in (NAME, base):
            client.images.remove(name)


@pytest.fixture(scope="module", params=RELEASES)
def there(
    request: pytest.FixtureRequest, here: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A Podman with that image."""
    assert here.images.get(NAME)
    own, folder = find_engine(), tmp_path_factory.mktemp("podman")
    with podman(RELEASES[request.param], folder / "engine") as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", service.endpoint)
        engine = find_engine()
        assert engine.version.startswith(request.param)
        carry(own, engine, NAME)
        yield engine


@pytest.fixture
def client(there: Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(connection.sdk(there)) as one:
        yield one


def test_podman_is_found_twice_as_the_same_engine(there: Engine) -> None:
    assert there.podman
    assert find_engine() == there


def test_the_image_has_the_identity_and_the_layers_that_it_has_on_docker(
    here: docker.DockerClient, client: docker.DockerClient
) -> None:
    one, other = (ImageConfig.from_inspect(each.api.inspect_image(NAME)) for each in (here, client))
    assert (other.identity, other.image_id, other.layers) == (one.identity, one.image_id, one.layers)
    assert other.healthcheck == one.healthcheck
    assert other.shell == one.shell == ("/bin/sh", "-e", "-c")
    read = [archive.read_layers(each.api.get_image(one.image_id)) for each in (here, client)]
    assert read[0] == read[1]
    assert read[0].keys() == set(one.layers)


def test_its_own_healthcheck_runs_although_no_systemd_runs_it_and_it_goes_at_once(
    there: Engine, client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.locks.folder", lambda: tmp_path)
    with runs.new_run(there) as run:
        made = client.api.create_container(NAME, name=run.name("one"), labels=run.labels)["Id"]
        client.api.start(made)

        def healthy() -> bool | None:
            return client.api.inspect_container(made)["State"]["Health"]["Status"] == "healthy" or None

        assert containers.until(30.0, healthy)
    with pytest.raises(docker.errors.NotFound):
        client.api.inspect_container(made)


def test_a_newer_image_behind_an_older_name_is_refused(client: docker.DockerClient) -> None:
    whole = next(tag for tag in client.api.inspect_image(NAME)["RepoTags"])
    other = next(prefix for prefix in ("localhost/", "docker.io/library/") if not whole.startswith(prefix))
    client.api.import_image_from_data(b"\0" * 10240, repository=f"{other}{NAME.partition(':')[0]}", tag="1")
    try:
        with pytest.raises(Problem, match="two images have that name"):
            client.api.inspect_image(NAME)
    finally:
        client.images.remove(f"{other}{NAME}")
