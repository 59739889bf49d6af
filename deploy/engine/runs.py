"""A run: all that it makes on an engine carries its labels, and is removed however the run ends.

A run holds a lock file while it lives. If it is killed, the kernel releases the lock. The next run on this machine
then removes what it left, and nothing else. Two runs at once do not disturb each other.
"""

import contextlib
import datetime as dt
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker

from deploy import locks, signals
from deploy.engine import labelled
from deploy.engine.connection import ENGINE_ERRORS, Engine, sdk
from deploy.engine.labelled import RUN, RUN_HOST, LabelledResource, find, remove

CLEANING_SECONDS = 30.0
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class Run:
    """A run that lives. Give `labels` to every container, network and volume that it makes."""

    id: str
    labels: dict[str, str] = field(hash=False)

    def name(self, part: str) -> str:
        """Return a name for one of its containers that no other run's has."""
        return f"ktrdr-{self.id}-{part}"


def complain(text: str) -> None:
    """Print a warning where it does not mix with results."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def new_run(engine: Engine, say: Callable[[str], None] = complain) -> Iterator[Run]:
    """Hold a run: remove at its start what dead runs of this machine left, and at its end what it made itself.

    The end may be success, an exception, Ctrl-C, SIGTERM or SIGHUP. In the main thread the last two act like Ctrl-C,
    and a second signal gets a line in answer: the end is on its way. Cleaning takes at most CLEANING_SECONDS and never
    hides the exception that ended the run. What it could not remove is printed. Threads that make containers must end
    before the run.
    """
    where = locks.folder()
    host = locks.host_name(where)
    run_id = f"{dt.datetime.now(dt.UTC):%y%m%d-%H%M%S}-{secrets.token_hex(3)}"

    def cleaning() -> None:
        say(f"cleaning up, at most {CLEANING_SECONDS:.0f} s more")

    with (
        _held(where, run_id),
        signals.heeded_once(cleaning, 2 * CLEANING_SECONDS) as undisturbed,
        contextlib.closing(sdk(engine, labelled.REQUEST_SECONDS)) as client,
    ):
        reap(client, where, host, say)
        started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        labels = {RUN: run_id, RUN_HOST: host, labelled.RUN_PID: str(os.getpid()), labelled.RUN_STARTED: started}
        try:
            yield Run(run_id, labels)
        finally:
            undisturbed()
            _clean_up(client, engine, run_id, say)


def is_alive(where: Path, run_id: str) -> bool:
    """Whether a run of this machine still holds its lock."""
    if not _ID.fullmatch(run_id):
        return False
    try:
        descriptor = locks.try_lock(_lock_path(where, run_id), create=False)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def reap(
    client: docker.DockerClient, where: Path, host: str, say: Callable[[str], None]
) -> dict[LabelledResource, str]:
    """Remove what dead runs of this machine left; returns what stayed, with reasons, which are also printed."""
    try:
        left = [resource for resource in find(client, {RUN_HOST: host}) if not is_alive(where, resource.run)]
        stayed = remove(client, left, CLEANING_SECONDS) if left else {}
    except ENGINE_ERRORS as error:
        say(f"warning: could not look for what earlier runs left: {error}")
        return {}
    for resource in left:
        if resource in stayed:
            say(f"warning: {resource}, left by run {resource.run}, could not be removed: {stayed[resource]}")
        else:
            say(f"removed {resource}, left by run {resource.run}")
    _forget_dead(where)
    return stayed


def _clean_up(client: docker.DockerClient, engine: Engine, run_id: str, say: Callable[[str], None]) -> None:
    """Remove the run's own resources, and look again until there are none: the engine may have been making one."""
    deadline = time.monotonic() + CLEANING_SECONDS
    stayed: dict[LabelledResource, str] = {}
    try:
        while resources := [resource for resource in find(client, {RUN: run_id}) if resource not in stayed]:
            stayed.update(remove(client, resources, deadline - time.monotonic()))
    except Exception as error:  # noqa: BLE001  whatever ended the run must not be hidden by this
        say(
            f"warning: cleaning up failed: {error}\n  what carries the label {RUN}={run_id} at"
            f" {engine.address.shown} may remain there; the next run on this machine removes it, and so does"
            " ./noxw -s clean"
        )
    for resource, wrong in stayed.items():
        say(f"warning: {resource} remains: {wrong}\n  ./noxw -s clean tries again")


def _lock_path(where: Path, run_id: str) -> Path:
    return where / "runs" / f"{run_id}.lock"


@contextlib.contextmanager
def _held(where: Path, run_id: str) -> Iterator[None]:
    """Hold the run's lock file; the kernel releases it when the process ends, however it ends."""
    path = _lock_path(where, run_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    while True:
        descriptor = locks.try_lock(path)
        # Another run's tidying may have removed the file between its making and its locking.
        if descriptor is not None and path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            break
        if descriptor is not None:
            os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _forget_dead(where: Path) -> None:
    """Remove the lock files of dead runs; those alive hold theirs."""
    for path in (where / "runs").glob("*.lock"):
        with contextlib.suppress(OSError):
            descriptor = locks.try_lock(path, create=False)
            if descriptor is not None:
                path.unlink(missing_ok=True)
                os.close(descriptor)
