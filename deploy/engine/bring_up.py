"""`engine` and `engine-stop`: an engine that answers is left alone; otherwise Debian's is installed and started."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy import locks
from deploy.engine import apt, connection, daemon, processes
from deploy.engine.connection import MINIMUM_BUILDX, MINIMUM_ENGINE, Engine, Sighting, find_engine, judge, look
from deploy.engine.daemon import SYSTEM_PATH, Daemon
from deploy.engine.processes import Process
from deploy.errors import Exit, Problem

DOING = "getting a Docker Engine"
LOCK_SECONDS = 1200.0
BY_HAND = (
    "install Docker Engine 23 or later with its docker command and the plugins buildx (0.13 or later) and compose,"
    " the way your distribution recommends (on a Mac: Docker Desktop or Colima), and mmdebstrap where no registry is in"
    " reach; start it, and run this again"
)


@dataclass(frozen=True)
class Need:
    """A missing program: the package that brings it, the lowest version that will do, whether builds need it."""

    what: str
    package: str
    minimum: tuple[int, ...] = ()
    vital: bool = True


def needs(seen: Sighting, dockerd: str, mmdebstrap: str, family: str) -> list[Need]:
    """List what is missing. `dockerd` and `mmdebstrap` are those programs' versions, empty when not installed."""
    compose = Need("docker compose", "docker-compose-v2" if family == "ubuntu" else "docker-compose", (2,), vital=False)
    missing = []
    if seen.trouble == "absent" and seen.endpoint.is_default and connection.version_numbers(dockerd) < MINIMUM_ENGINE:
        missing.append(Need("dockerd", "docker.io", MINIMUM_ENGINE))
    if not seen.cli and family != "ubuntu":
        missing.append(Need("the docker command", "docker-cli", MINIMUM_ENGINE))
    elif not seen.cli and not missing:
        missing.append(Need("the docker command", "docker.io", MINIMUM_ENGINE))
    if connection.version_numbers(seen.buildx) < MINIMUM_BUILDX:
        missing.append(Need("buildx", "docker-buildx", MINIMUM_BUILDX))
    if connection.version_numbers(seen.compose) < compose.minimum:
        missing.append(compose)
    if not mmdebstrap:
        missing.append(Need("mmdebstrap", "mmdebstrap", vital=False))
    return missing


def plan(missing: list[Need], offered: Mapping[str, Mapping[str, str]], release: str, following: str) -> list[str]:
    """Choose packages: from this release if all that builds need is new enough there, else from the following one.

    Few packages are mixed: a tool that this release has in the wanted version is taken from it. An empty list means
    that neither release has what builds need.
    """
    chosen = []
    vital = {need.package for need in missing if need.vital}
    own = {
        need.package for need in missing if _newest(offered.get(need.package, {}), release) >= (need.minimum or (0,))
    }
    docker = {need.package for need in missing if need.package.startswith("docker")}
    suffix = "" if docker <= own or not following else f"/{following}"
    for need in missing:
        here = need.package in own and (need.package not in docker or not suffix)
        there = bool(suffix) and _newest(offered.get(need.package, {}), following) >= (need.minimum or (0,))
        if here or there:
            chosen.append(need.package + ("" if here else suffix))
            # containerd goes with the engine it was released with
            chosen += [f"containerd{suffix}"] if need.package == "docker.io" and not here else []
        elif need.package in vital:
            return []
    return chosen


def _newest(suites: Mapping[str, str], release: str) -> tuple[int, ...]:
    """Return the newest version offered in a release: its own suite, its updates or its security."""
    versions = (version for suite, version in suites.items() if suite.split("-")[0] == release)
    # An epoch stands before a colon and says nothing about the version that people know.
    return max((connection.version_numbers(version.split(":")[-1]) for version in versions), default=())


def tell(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def start(say: Callable[[str], None] = tell, where: Daemon | None = None) -> int:
    """Make sure that an engine with buildx answers, and print the versions. Idempotent.

    An engine that answers is not touched. Tools that are missing beside it are added on Debian or Ubuntu as root. If
    none answers at the default socket, the engine is installed from packages and started.

    Raises:
        Problem: an address that a setting names does not answer, an engine hangs, or nothing can be installed (exit
            3).

    """
    where = where or Daemon()
    with locks.lock(locks.folder() / "engine.lock", LOCK_SECONDS):
        seen = look()
        absent = seen.trouble == "absent" and seen.endpoint.is_default
        if seen.trouble and not absent:
            judge(seen)
        if not seen.trouble:
            say(f"engine: an engine answers at {seen.endpoint.shown} already and is left alone")
        before = processes.named("dockerd")
        if not supply(seen, say):
            before = processes.named("dockerd")
        if absent:
            bring_up(where, before, say)
        engine = find_engine(30.0)
    for line in describe(engine):
        say(f"engine: {line}")
    return Exit.OK


def stop(say: Callable[[str], None] = tell, where: Daemon | None = None) -> int:
    """Stop the engine that `start` started, and no other."""
    where = where or Daemon()
    with locks.lock(locks.folder() / "engine.lock", LOCK_SECONDS):
        if daemon.stop(where, say):
            return Exit.OK
    foreign = "the engine that answers was not started by `engine`, and stays"
    say(f"engine-stop: nothing to stop: {foreign if daemon.answers(where.socket) else 'none runs'}")
    return Exit.OK


def describe(engine: Engine) -> list[str]:
    """List what is there, with versions."""
    kind = f"API {engine.api_version}, {engine.storage_driver}"
    bootstrap = installed("mmdebstrap").removeprefix("mmdebstrap ") or "missing (used where no registry answers)"
    return [
        f"Docker Engine {engine.version} ({kind}) answers at {engine.address.shown}",
        f"docker command {engine.cli}, buildx {engine.buildx}, compose {engine.compose or 'missing'}",
        f"mmdebstrap {bootstrap}",
    ]


def supply(seen: Sighting, say: Callable[[str], None]) -> bool:
    """Install what is missing; returns whether it installed anything.

    If builds can do without what is missing and it cannot be installed, it is only named.
    """
    here = apt.this_distribution()
    missing = needs(seen, installed("dockerd"), installed("mmdebstrap"), here.id)
    if not missing:
        return False
    say(f"engine: missing: {', '.join(need.what for need in missing)}")
    try:
        apt.must_be_able(DOING, by_hand(missing, here, root=os.geteuid() == 0))
        install(missing, here, say)
    except Problem as problem:
        if any(need.vital for need in missing):
            raise
        say(f"engine: going on without {', '.join(need.what for need in missing)}: {problem.wrong}")
        return False
    return True


def by_hand(missing: list[Need], here: apt.Distribution, *, root: bool) -> str:
    """Return exactly what a person has to install or run."""
    if not here.releases:
        return BY_HAND
    packages = " ".join(need.package for need in missing)
    following = f" (of {here.next_codename} where {here.codename} has none or older ones)" if here.next_codename else ""
    again = "run this again" if root else "run this as root, which does it all, or"
    return f"{again}: apt-get install --no-install-recommends {packages}{following}"


def installed(program: str) -> str:
    """Return the version that a program reports, empty where it is not installed."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if not found:
        return ""
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def install(missing: list[Need], here: apt.Distribution, say: Callable[[str], None]) -> None:
    """Install packages that bring what is missing, from this release or the following one."""
    names = [need.package for need in missing]
    with apt.with_sources(here.codename, say) as own:
        sources = apt.own_sources(here.codename)
        own.use(sources)
        offered = own.offered(names)
        packages = plan(missing, offered, here.codename, "")
        if here.next_codename and len(packages) < len(missing):
            own.use(sources + "\n" + apt.own_sources(here.next_codename))
            packages = plan(missing, own.offered(names), here.codename, here.next_codename)
        if not packages:
            wrong = f"{here.name} and its next release offer no {', '.join(names)} that are new enough"
            raise Problem(DOING, wrong, BY_HAND)
        own.install(packages)


def bring_up(where: Daemon, before: set[Process], say: Callable[[str], None]) -> None:
    """Start the engine, unless its package did, or it was only slow. `before` are the dockerds that ran earlier."""
    started = sorted(processes.named("dockerd") - before, key=lambda process: process.started)
    if not started and (pid := daemon.running(where.pid_file, "dockerd")):
        daemon.await_answer(where, pid, say)
    elif os.geteuid() != 0:
        how = "sudo systemctl start docker" if daemon.under_systemd() else "run this as root"
        raise Problem(DOING, "the engine is installed but does not run, and starting it takes root", how)
    elif started and not daemon.under_systemd():
        daemon.adopt(where, started[0])  # the package's own service script was quicker
        daemon.await_answer(where, started[0].pid, say)
    else:
        daemon.start(where, say, before)
