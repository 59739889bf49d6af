"""An engine with containerd's image store: a whole build and verification there, the same as on the other store.

The engine has a network namespace of its own; what its builds download comes through a proxy that listens inside it.
"""

import contextlib
import ctypes
import os
import select
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.artifacts import BUILD, CONTENTS, VERDICT, Artifacts
from deploy.build_record import BuildRecord, StepRecord
from deploy.engine import connection, daemon
from deploy.engine.connection import Engine, find_engine
from tests.integration.conftest import execute
from tests.resilience.conftest import carry
from tests.resilience.second import CAN_START, WHY_NOT, pid_of, second_engine
from tests.resilience.site import Site, told
from tests.support.checkout import read_contract
from verify.contents.model import Contents
from verify.judge.verdict import Verdict

WITHIN = 900.0
ROLES = list(read_contract().roles)
BRIDGE = "172.17.0.1"  # Docker's own choice where nothing else has that network, as in a new namespace
CLONE_NEWNET = 0x40000000
MINUTES = "NOT TESTED: whole builds take minutes; ./noxw -s accidents runs them (KTRDR_ALL_ROLES)"
pytestmark = [
    pytest.mark.skipif(not CAN_START, reason=WHY_NOT),
    pytest.mark.skipif(not os.environ.get("KTRDR_ALL_ROLES"), reason=MINUTES),
]


def listening_in(pid: int) -> socket.socket:
    """Return a socket that listens in another process's network namespace (setns(2)): it stays where it was made."""
    made: list[socket.socket] = []

    def enter_and_listen() -> None:
        with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        server = socket.socket()
        server.bind(("0.0.0.0", 0))  # noqa: S104  in a namespace that only that engine and its builds are in
        server.listen(64)
        made.append(server)

    thread = threading.Thread(target=enter_and_listen)  # the namespace is the thread's, and ends with it
    thread.start()
    thread.join()
    return made[0]


@contextlib.contextmanager
def proxy_in(pid: int) -> Iterator[int]:
    """Serve HTTP's CONNECT within a namespace, from outside of it; gives the port."""
    with listening_in(pid) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):  # it was closed
                while True:
                    threading.Thread(target=tunnel, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def tunnel(client: socket.socket) -> None:
    """Connect a client to the host and port that it asks for, and carry bytes until either end closes."""
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head and (block := client.recv(4096)):
            head += block
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port)), 30) as target:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            others = {client: target, target: client}
            while ready := select.select([client, target], [], [], 120)[0]:
                for one in ready:
                    block = one.recv(1 << 16)
                    if not block:
                        return
                    others[one].sendall(block)


@pytest.fixture(scope="module")
def overlay(original: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Artifacts]]:
    """The machine's own engine and what these roles came to there."""
    own = find_engine()
    if own.storage_driver != "overlay2":
        pytest.skip(f"NOT TESTED: the machine's own engine stores images with {own.storage_driver}, too")
    artifacts = Artifacts(tmp_path_factory.mktemp("overlay") / "artifacts")
    for module in (("deploy", "build"), ("verify",)):
        command = (sys.executable, "-m", *module, *ROLES, "--artifacts", str(artifacts.root))
        ended = execute(*command, cwd=original.checkout, seconds=WITHIN)
        assert ended.code == 0, ended
    yield own, artifacts
    with contextlib.closing(connection.sdk(own)) as client:
        for tag in tags(artifacts):
            client.images.remove(tag)


def tags(artifacts: Artifacts) -> list[str]:
    """Return the names of the images that were built."""
    return [artifacts.read(role, BUILD, BuildRecord).tag for role in ROLES]


@dataclass(frozen=True)
class There:
    """The engine with containerd's store, and the artifacts of images that were built there and carried there."""

    built: Artifacts
    carried: Artifacts


@pytest.fixture(scope="module")
def there(
    overlay: tuple[Engine, Artifacts], original: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[There]:
    """Build and verify there from the base image on; then verify the images of the machine's own engine there."""
    own, here = overlay
    folder = tmp_path_factory.mktemp("containerd")
    with second_engine(folder / "engine", containerd_store=True) as place, pytest.MonkeyPatch.context() as patch:
        daemon.start(place, print)
        patch.setenv("DOCKER_HOST", f"unix://{place.socket}")
        found = find_engine()
        assert "overlay2" not in found.storage_driver
        base = here.read(ROLES[0], BUILD, BuildRecord).base.reference
        carry(own, found, base)
        environment = {**original.environment, "DOCKER_HOST": found.endpoint, "PYTHON_IMAGE": base}
        site = Site(original.checkout, Artifacts(folder / "built"), environment)
        with proxy_in(pid_of(place)) as port:
            address = f"http://{BRIDGE}:{port}"
            proxies = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "NO_PROXY": ""}
            told(site.build(*ROLES, env=proxies).end(WITHIN), 0)
        told(site.verify(*ROLES).end(WITHIN), 0)
        carry(own, found, *tags(here))
        carried = site.elsewhere(Path(shutil.copytree(here.root, folder / "carried")))
        told(carried.verify(*ROLES).end(WITHIN), 0)
        yield There(site.artifacts, carried.artifacts)


def outcomes(artifacts: Artifacts, role: str) -> list[tuple[str, str, str | None]]:
    found = artifacts.read(role, VERDICT, Verdict).findings
    return [(one.check, one.outcome, one.category) for one in found]


def layers(artifacts: Artifacts, role: str) -> list[tuple[str, int]]:
    """Return the layers' diff ids and unpacked bytes."""
    return [(one.diff_id, one.unpacked_bytes) for one in artifacts.read(role, CONTENTS, Contents).layers]


@pytest.mark.parametrize("role", ROLES)
def test_an_image_has_the_same_identity_bytes_and_verdict_on_either_store(
    role: str, overlay: tuple[Engine, Artifacts], there: There
) -> None:
    here = overlay[1]
    one, other = (artifacts.read(role, VERDICT, Verdict) for artifacts in (here, there.carried))
    assert other.identity == one.identity
    assert other.image_id != one.image_id, "the engine's own ids differ between stores"
    assert layers(there.carried, role) == layers(here, role)
    assert outcomes(there.carried, role) == outcomes(here, role)


def instruction(step: StepRecord) -> str:
    """Return what a step does, without its place: two builds at once share one that they have in common."""
    return step.name.partition("] ")[2]


@pytest.mark.parametrize("role", ROLES)
def test_an_image_that_is_built_there_has_the_same_layers_and_verdict(
    role: str, overlay: tuple[Engine, Artifacts], there: There
) -> None:
    here = overlay[1]
    one, other = (artifacts.read(role, BUILD, BuildRecord) for artifacts in (here, there.built))
    assert other.layers == one.layers
    ran = {
        instruction(step)
        for each in ROLES
        for step in there.built.read(each, BUILD, BuildRecord).steps
        if not step.cached
    }
    assert {instruction(step) for step in other.steps} <= ran, "a step came from a cache: the builds were no whole ones"
    assert outcomes(there.built, role) == outcomes(here, role)
