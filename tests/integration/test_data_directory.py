"""The backend on a data directory that is root's, as `docker run --tmpfs /data` makes it: it says what to do."""

import uuid

import pytest

from tests.integration.conftest import Images, execute
from tests.support.waiting import until

PATIENCE = 60.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--tmpfs=/data"],
            "it belongs to uid 0, with mode 755; give it to uid 10001 (docker run --tmpfs",
        ),
        (["--tmpfs=/data:uid=10001"], '"status":"ok"'),
        (["--read-only", "--tmpfs=/tmp"], "the data directory is on a read-only file system: mount a volume there"),
    ],
    ids=["root's", "its own", "read-only"],
)
def test_health_names_the_cause_and_the_step_that_helps(images: Images, options: list[str], said: str) -> None:
    name = f"ktrdr-try-data-{uuid.uuid4().hex[:8]}"
    docker, backend = images.engine.command(), images.contract.images["backend"]
    started = execute(*docker, "run", "--detach", "--network=none", "--name", name, *options, images.id_of("backend"))
    try:
        assert started.code == 0, started
        ask = [*docker, "exec", name, "python", "-m", "ktrdr.healthcheck", backend.health]
        until(f"{said!r} in the answer about health", lambda: said in execute(*ask).printed, PATIENCE)
    finally:
        execute(*docker, "rm", "--force", "--volumes", name)
