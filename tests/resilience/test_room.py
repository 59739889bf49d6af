"""No room, no permission, no memory: told with the place and what to do, and nothing that was seen is lost."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.artifacts import BUILD, LOG, OBSERVED, VERDICT, Artifacts
from deploy.engine import connection as engines
from deploy.engine import daemon
from deploy.engine.connection import find_engine
from tests.integration.conftest import findings
from tests.resilience.second import CAN_START, WHY_NOT, load_small, mounts_below, second_engine
from tests.resilience.site import TINY, Site, told
from verify.judge.case import want_of_memory
from verify.observe.model import Observation

WITHIN = 120.0


@contextlib.contextmanager
def memory_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a disk of its own upon a directory; whatever is mounted below it goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, timeout=20)
    try:
        yield folder
    finally:
        for point in reversed(mounts_below(folder)):
            subprocess.run(["umount", "--lazy", str(point)], check=True, timeout=20)


@pytest.mark.skipif(not CAN_START, reason=WHY_NOT)
def test_a_disk_that_fills_while_an_image_is_built_is_exit_3_and_names_the_disk(
    original: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "second" / "data"
    with second_engine(tmp_path / "second") as place, memory_disk(data, "size=96m"):
        daemon.start(place, print)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place.socket}")
        with contextlib.closing(engines.sdk(find_engine())) as client:
            small = load_small(client)
        environment = {**original.environment, "DOCKER_HOST": f"unix://{place.socket}", "PYTHON_IMAGE": small}
        site = Site(original.checkout, Artifacts(tmp_path / "artifacts"), environment)
        site.write("RUN dd if=/dev/zero of=/fill bs=1M count=500")
        full = site.build().end(WITHIN)
        told(full, 3, f"no space left on device on the disk that holds {data}", "next: free some of the disk")
        assert not site.artifacts.path(TINY, BUILD).exists()
        assert "o space left on device" in site.artifacts.path(TINY, LOG).read_text(encoding="utf-8")
        site.write("RUN dd if=/dev/zero of=/fill bs=1M count=2")
        told(site.build().end(WITHIN), 0)
        daemon.stop(place, print)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting takes root")
def test_a_read_only_artifacts_directory_is_exit_3_before_any_work(site: Site, tmp_path: Path) -> None:
    site.write("RUN true")
    with memory_disk(tmp_path / "read-only", "ro") as folder:
        for command in (site.elsewhere(folder).build(), site.elsewhere(folder).verify()):
            told(
                command.end(WITHIN),
                3,
                f"writing the artifacts in {folder}",
                "Read-only file system",
                "next: make room or make it writable, or name another directory with --artifacts",
            )


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting takes root")
def test_a_full_artifacts_directory_is_exit_3_and_what_was_seen_is_shown(site: Site, tmp_path: Path) -> None:
    site.write("RUN echo a line")
    with memory_disk(tmp_path / "full", "size=64k") as folder:
        full = site.elsewhere(folder)
        full.artifacts.path("backend", BUILD).parent.mkdir()
        full.artifacts.path("backend", BUILD).write_bytes(site.artifacts.path("backend", BUILD).read_bytes())
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        verified = full.verify().end(WITHIN)
        told(verified, 3, "writing the summary: ", "No space left on device", f"  next: make room in {folder}")
        assert "PASS: every image is what its role demands" in verified.printed, verified
        assert not full.artifacts.path("backend", VERDICT).exists()
        built = full.build().end(WITHIN)
        told(built, 3, f"writing the artifacts in {folder}", "No space left on device", "  next: ")


def test_a_container_that_its_memory_limit_ends_is_an_error_of_the_environment_that_says_so(site: Site) -> None:
    tight = (
        "import verify.observe.containers as containers\ncontainers.MEMORY, made = 24 * 10**6, containers.host_config"
    )
    tight += "\ncontainers.host_config = lambda *words, **more: made(*words, **more | {'limits': None})"
    ended = site.verify(before=tight).end(WITHIN)
    assert ended.code != 0, ended
    found = findings(site.artifacts, "backend")
    assert (found["proof"].outcome, found["proof"].category) == ("ERROR", "ENVIRONMENT"), found["proof"]
    seen = site.artifacts.read("backend", OBSERVED, Observation)
    assert seen.probes is not None and seen.probes.proof is not None  # noqa: PT018 - one statement: it was seen
    assert want_of_memory(seen.probes.proof.exit_code, out_of_memory=True) in found["proof"].found
    healthy = found["server-healthy"]
    assert (healthy.outcome != "PASS", healthy.category) == (True, "CODE_BUG"), healthy
    assert "memory limit (OOMKilled)" in healthy.found
    assert "OOMKilled" in ended.printed
