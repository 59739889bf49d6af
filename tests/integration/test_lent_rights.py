"""A base image with programs that lend rights, as the official one has them: the image above it lends none."""

import io
import uuid
from collections.abc import Iterator

import docker
import pytest

from deploy.artifacts import CONTENTS
from deploy.engine.connection import Engine
from tests.integration.conftest import Checkout, base_image, execute
from verify.contents.model import Contents

SETUID, SETGID, LINK = "/usr/bin/chfn", "/usr/bin/expiry", "/usr/local/bin/also-chfn"
# The same layer at every build, so that the builder's cache is of this one: it takes bases of the same files for one
STEPS = f"""
RUN install -m 4755 /bin/true {SETUID} && install -m 2755 /bin/true {SETGID} && ln {SETUID} {LINK} \
 && touch -d @315619200 {SETUID} {SETGID} /usr/bin /usr/local/bin
"""
# Prints what still lends rights, and how many bytes each of the base's programs has.
LOOK = f"find / -xdev -type f -perm /6000; stat -c '%n %s' {SETUID} {SETGID} {LINK}"


@pytest.fixture
def base(engine: Engine, client: docker.DockerClient) -> Iterator[str]:
    """Return an image like the base image, with programs that lend rights."""
    below = base_image(engine)
    name = f"ktrdr-try-{uuid.uuid4().hex[:8]}:lending"
    client.images.build(fileobj=io.BytesIO(f"FROM {below}\n{STEPS}".encode()), tag=name, rm=True, forcerm=True)
    yield name
    client.images.remove(name)


def test_no_program_of_the_base_lends_rights_any_more_and_the_backend_passes_every_check(
    checkout: Checkout, engine: Engine, base: str
) -> None:
    def printed(image: str) -> list[str]:
        command = ["run", "--rm", "--network=none", "--user=0", image, "sh", "-c", LOOK]
        return execute(*engine.command(), *command).printed.splitlines()

    assert {SETUID, SETGID, LINK} <= {*printed(base)}
    built = checkout.build("backend", env={"PYTHON_IMAGE": base})
    verified = checkout.verify("backend")
    assert (built.code, verified.code) == (0, 0), f"{built}\n{verified}"
    assert printed(checkout.name("backend")) == [f"{path} 0" for path in (SETUID, SETGID, LINK)]
    assert checkout.artifacts.read("backend", CONTENTS, Contents).privileged == {}
