"""Ctrl-C and SIGTERM, twice in a row, at every stage; SIGKILL, and what the next run clears up; two runs at once."""

import os
import shutil
import signal
from pathlib import Path

import docker
import pytest

from deploy.artifacts import BUILD, VERDICT
from tests.integration.test_interrupt import offspring, parents
from tests.resilience.conftest import left_by
from tests.resilience.site import TINY, Command, Site, told
from tests.support.waiting import until

WAITING = "sleep 86396"
CLEANED_WITHIN = 40.0  # cleaning up has a deadline of 30 s
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)


def interrupt_twice(command: Command, number: signal.Signals) -> None:
    """Send a signal, and the same again before the command has ended; see it end as it should, with no process left."""
    children = offspring(command.process.pid)
    command.send(number)
    command.send(number)
    ended = command.end(CLEANED_WITHIN + 60.0)
    told(ended, 130, "interrupted")
    assert "Exception ignored" not in ended.printed, ended
    assert "never retrieved" not in ended.printed, ended
    until("the end of its processes", lambda: not children & parents().keys(), 10.0)


@SIGNALS
def test_while_building(number: signal.Signals, site: Site, client: docker.DockerClient) -> None:
    site.write(f"RUN echo it has begun && {WAITING}")
    building = site.build()
    building.reaches("the step", lambda: "\n   it has begun" in site.log())
    interrupt_twice(building, number)
    until("the end of the step on the engine", lambda: not running(WAITING), 20.0)
    assert not site.artifacts.path(TINY, BUILD).exists()
    assert left_by(client, building.process.pid) == []


def running(line: str) -> list[int]:
    """Return the processes with this command line."""
    return [pid for pid in parents() if command_line(pid) == line]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def marking(module: str, name: str, mark: Path, then: str) -> str:
    """Return Python that makes a function leave a mark when it is called, and then do something."""
    return (
        f"import pathlib, time, {module}\n"
        f"once = {module}.{name}\n"
        f"def marked(*arguments, **named):\n"
        f"    pathlib.Path({str(mark)!r}).touch()\n"
        f"    {then}\n"
        f"    return once(*arguments, **named)\n"
        f"{module}.{name} = marked\n"
    )


@SIGNALS
def test_while_the_layers_are_read(
    number: signal.Signals, site: Site, client: docker.DockerClient, tmp_path: Path
) -> None:
    for kept in ("contents", "layers"):
        shutil.rmtree(site.checkout / ".cache" / kept, ignore_errors=True)
    verifying = site.verify(before=marking("verify.contents.ways", "in_place", tmp_path / "mark", "pass"))
    verifying.reaches("the layers", (tmp_path / "mark").exists)
    interrupt_twice(verifying, number)
    assert left_by(client, verifying.process.pid) == []
    assert not site.artifacts.path("backend", VERDICT).exists()


@SIGNALS
def test_while_the_containers_run(number: signal.Signals, site: Site, client: docker.DockerClient) -> None:
    verifying = site.verify()
    verifying.reaches("its containers", lambda: len(left_by(client, verifying.process.pid)) > 1)
    interrupt_twice(verifying, number)
    assert left_by(client, verifying.process.pid) == []
    assert not site.artifacts.path("backend", VERDICT).exists()


@SIGNALS
def test_while_the_results_are_summarized(
    number: signal.Signals, site: Site, client: docker.DockerClient, tmp_path: Path
) -> None:
    verifying = site.verify(before=marking("verify.report.write", "show", tmp_path / "mark", "time.sleep(600)"))
    verifying.reaches("the summary", (tmp_path / "mark").exists)
    interrupt_twice(verifying, number)
    assert left_by(client, verifying.process.pid) == []
    assert site.artifacts.path("backend", VERDICT).exists(), "what was judged is kept"


def test_what_a_killed_verification_left_goes_with_the_next_that_passes(
    site: Site, client: docker.DockerClient
) -> None:
    killed = site.verify()
    killed.reaches("its containers", lambda: len(left_by(client, killed.process.pid)) > 1)
    killed.send(signal.SIGKILL)
    assert killed.end().code == -signal.SIGKILL
    assert left_by(client, killed.process.pid), "nothing was left that could be reaped"
    again = site.verify().end()
    told(again, 0, "removed container ", "PASS: every image is what its role demands")
    assert left_by(client, killed.process.pid) + left_by(client, again.pid) == []


def test_a_build_whose_parent_is_killed_goes_with_all_its_processes(site: Site) -> None:
    site.write(f"RUN echo it has begun && {WAITING}")
    building = site.build()
    building.reaches("the step", lambda: "\n   it has begun" in site.log())
    children = offspring(building.process.pid)
    assert children
    building.send(signal.SIGKILL)
    building.end()
    until("the end of its children", lambda: not children & parents().keys(), 10.0)
    until("the end of the step on the engine", lambda: not running(WAITING), 20.0)


BOOTSTRAP = """
from deploy.base import bootstrap
from deploy.engine import apt
with bootstrap.archive(bootstrap.recipe("3.11", apt.this_distribution()), print):
    pass
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mmdebstrap"), reason="NOT TESTED: a bootstrap takes root and mmdebstrap"
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_bootstrap_whose_parent_is_ended_goes_with_its_processes_and_mounts(
    number: signal.Signals, site: Site, tmp_path: Path
) -> None:
    bootstrapping = site.begin("deploy", "matrix", before=BOOTSTRAP, env={"TMPDIR": str(tmp_path)})
    bootstrapping.reaches("apt or dpkg at work", lambda: len(offspring(bootstrapping.process.pid)) > 2)
    children = offspring(bootstrapping.process.pid)
    bootstrapping.send(number)
    bootstrapping.process.wait(30)
    until("the end of its children", lambda: not children & parents().keys(), 15.0)
    until("the end of its mounts", lambda: str(tmp_path) not in Path("/proc/mounts").read_text(encoding="utf-8"), 10.0)


def test_two_verifications_at_once_on_one_engine_both_pass(
    site: Site, client: docker.DockerClient, tmp_path: Path
) -> None:
    other = site.elsewhere(Path(shutil.copytree(site.artifacts.root, tmp_path / "other" / "artifacts")))
    runs = [one.verify() for one in (site, other)]
    for run in runs:
        told(run.end(), 0, "PASS: every image is what its role demands")
        assert "left by run" not in run.printed, "one took the other's for leftovers"
        assert left_by(client, run.process.pid) == []
