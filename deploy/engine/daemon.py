"""Starts dockerd in a session of its own, remembers that it did, and stops only what it started."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.artifacts import write_text
from deploy.engine import processes
from deploy.engine.endpoint import DEFAULT_SOCKET
from deploy.engine.processes import Process
from deploy.errors import Problem

STARTING = "starting the Docker Engine"
STOPPING = "stopping the Docker Engine"
START_SECONDS = 60.0
ANSWER_SECONDS = 20.0  # a busy engine's, about what runs on it
STOP_SECONDS = 45.0  # dockerd gives containers 10 s and itself 15 s
SCHEMA = 1
SERVICE = "docker.service"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Daemon:
    """Where a dockerd lives. The defaults are the machine's own; tests have another beside it."""

    socket: Path = DEFAULT_SOCKET
    pid_file: Path = Path("/var/run/docker.pid")
    exec_root: Path = Path("/var/run/docker")
    log: Path = Path("/var/log/ktrdr/dockerd.log")
    record: Path = Path("/run/ktrdr/engine.json")
    options: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()  # a command that becomes dockerd, in a network namespace of its own for example
    system: bool = True  # the machine's own engine: systemd's business where systemd runs the machine

    def command(self, program: str) -> list[str]:
        """Return the command line; the address is left out where daemon.json names one, which dockerd insists on."""
        paths = ["--pidfile", str(self.pid_file), "--exec-root", str(self.exec_root)]
        host = [] if self.system and _configured("hosts") else ["--host", f"unix://{self.socket}"]
        return [*self.runner, program, *host, *(() if self.system else paths), *self.options]


def _configured(key: str) -> bool:
    try:
        return key in json.loads(Path("/etc/docker/daemon.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def ask(path: Path, what: str, seconds: float = 2.0) -> tuple[int, bytes]:
    """Ask the engine behind a socket for `what`, an HTTP path. Status and body; (0, b"") when none answers in time."""
    connection = http.client.HTTPConnection("localhost", timeout=seconds)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(seconds)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", what)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def answers(path: Path) -> bool:
    """Whether an engine answers behind this socket."""
    return ask(path, "/_ping")[0] == http.HTTPStatus.OK


def judge_pid_file(text: str, program: str, name_of: Callable[[int], str]) -> int:
    """Return the id in a pid file if `program` really runs under it, else 0: the file is stale, or not a pid file."""
    try:
        pid = int(text)
    except ValueError:
        return 0
    return pid if pid > 0 and name_of(pid) == program else 0


def running(path: Path, program: str) -> int:
    """Return the id of the program that a pid file names, 0 where it does not run."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return judge_pid_file(text, program, processes.command_name)


def clear_stale(daemon: Daemon, say: Callable[[str], None]) -> None:
    """Remove files that would keep dockerd from starting, or mislead it.

    dockerd believes a pid file whose id belongs to any process, and so with its containerd's. It replaces a dead
    socket itself, but takes the mere existence of containerd's socket for a running containerd.
    """
    child = daemon.exec_root / "containerd" / "containerd.pid"
    for path, program in ((daemon.pid_file, "dockerd"), (child, "containerd")):
        if path.exists() and not running(path, program):
            path.unlink(missing_ok=True)
            say(f"engine: removed {path}, which named no {program} that runs")
    sockets = [daemon.socket, *([Path("/run/containerd/containerd.sock")] if daemon.system else [])]
    for path in sockets:
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise Problem(STARTING, f"{path} is not a socket", f"remove it (sudo rm -r {path}) and run this again")
        if path.exists() and not _accepts(path):
            path.unlink(missing_ok=True)
            say(f"engine: removed {path}, behind which nobody listens")


def _accepts(path: Path) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # busy or not allowed: a process listens there
    return True


def under_systemd() -> bool:
    """Whether systemd runs this machine (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def start(daemon: Daemon, say: Callable[[str], None], before: Collection[Process] = ()) -> None:
    """Start dockerd and wait until it answers.

    ``before``: the dockerds that ran earlier; a service that is one of them is not remembered as started here.

    Raises:
        Problem: it does not answer within START_SECONDS; the message has the end of its log (exit 3).

    """
    if daemon.system and under_systemd():
        _systemctl(STARTING, "start", SERVICE)
        main = _main_process(STARTING)
        if main not in before:
            adopt(daemon, main, "systemd")
        _wait(daemon, None)
        say(f"engine: {SERVICE} ran already" if main in before else f"engine: started {SERVICE}")
        return
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    program = shutil.which("dockerd", path=path)
    if not program:
        raise Problem(STARTING, "there is no dockerd", "./noxw -s engine installs it")
    clear_stale(daemon, say)
    for folder in (daemon.log.parent, daemon.record.parent, daemon.socket.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if daemon.log.exists():
        daemon.log.replace(daemon.log.with_name(f"{daemon.log.name}.old"))
    with daemon.log.open("wb") as log:
        child = subprocess.Popen(
            daemon.command(program),
            cwd="/",
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o022,
        )
    adopt(daemon, processes.find(child.pid))
    try:
        _wait(daemon, child)
    except Problem:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)
        daemon.record.unlink(missing_ok=True)
        raise
    say(f"engine: started dockerd (process {child.pid}, log {daemon.log}); ./noxw -s engine-stop stops it")


def adopt(daemon: Daemon, process: Process | None, how: str = "dockerd") -> None:
    """Remember a dockerd as one that this pipeline started, itself or through systemd."""
    if process:
        _remember(daemon, {"how": how, "pid": process.pid, "started": process.started, "boot": processes.boot_id()})


def await_answer(daemon: Daemon, pid: int, say: Callable[[str], None]) -> None:
    """Wait for a dockerd that runs already. If its socket was removed it never answers, and it is not touched."""
    say(f"engine: dockerd (process {pid}) runs but does not answer yet; waiting for it")
    try:
        _wait(daemon, None)
    except Problem as problem:
        next_step = f"restart it: systemctl restart docker, or end process {pid} and run this again"
        if remembered(daemon).get("pid") == pid:
            next_step = "restart it: ./noxw -s engine-stop engine"
        raise Problem(STARTING, f"dockerd (process {pid}) runs, but {problem.wrong}", next_step) from problem


def _wait(daemon: Daemon, child: "subprocess.Popen[bytes] | None") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(daemon.socket):
        if child and child.poll() is not None:
            wrong = f"dockerd ended with {child.returncode}:\n  {_tail(daemon.log)}"
            raise Problem(STARTING, wrong, f"correct what it says; the whole log is {daemon.log}")
        if time.monotonic() > deadline:
            wrong = f"it does not answer at {daemon.socket} after {START_SECONDS:.0f} s\n  {_tail(daemon.log)}"
            raise Problem(STARTING, wrong.rstrip(), "see its log (journalctl -u docker, or the file above)")
        time.sleep(0.1)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n  ".join(lines[-8:])


def _remember(daemon: Daemon, facts: dict[str, Any]) -> None:
    write_text(daemon.record, json.dumps({"schema": SCHEMA, **facts}) + "\n")


def remembered(daemon: Daemon) -> dict[str, Any]:
    """Return the record that `start` wrote; empty when it started nothing, or in another boot."""
    try:
        facts = json.loads(daemon.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = isinstance(facts, dict) and facts.get("schema") == SCHEMA
    return facts if known and facts.get("boot", processes.boot_id()) == processes.boot_id() else {}


def stop(daemon: Daemon, say: Callable[[str], None]) -> bool:
    """Stop the dockerd that `start` started, with its containerd and shims. False when it started none."""
    facts = remembered(daemon)
    if not facts:
        return False
    process = Process(int(facts.get("pid", 0)), int(facts.get("started", 0)))
    if facts.get("how") == "systemd":
        _stop_service(daemon, process, say)
    else:
        _stop_process(daemon, process, say)
    daemon.record.unlink(missing_ok=True)
    return True


def _stop_service(daemon: Daemon, process: Process, say: Callable[[str], None]) -> None:
    by_hand = f"systemctl stop docker.socket {SERVICE}"
    main = _main_process(STOPPING)
    if main is None:
        say(f"engine-stop: {SERVICE}, which was started, has ended already")
        return
    if main != process:
        wrong = f"{SERVICE} (process {main.pid}) is not the one that `engine` started: it was started again since"
        raise Problem(STOPPING, wrong, f"stop it yourself if nobody needs it: {by_hand}")
    _must_be_idle(daemon, process, by_hand)
    _systemctl(STOPPING, "stop", "docker.socket", SERVICE)
    say(f"engine-stop: stopped {SERVICE}")


def _must_be_idle(daemon: Daemon, process: Process, by_hand: str) -> None:
    count = _containers(daemon)
    if count is None:
        wrong = f"dockerd (process {process.pid}) does not say what runs on it, perhaps another's containers"
        raise Problem(STOPPING, wrong, f"wait until it answers, or end it yourself: {by_hand}")
    if count:
        wrong = f"{count} containers run on it, perhaps another's"
        raise Problem(STOPPING, wrong, "docker ps shows them; stop them first, or wait for their end")


def _stop_process(daemon: Daemon, process: Process, say: Callable[[str], None]) -> None:
    if process.lives:
        _must_be_idle(daemon, process, f"kill {process.pid}")
        if not process.end(polite=STOP_SECONDS, rude=10.0):
            wrong = f"process {process.pid} does not end, not even killed"
            raise Problem(STOPPING, wrong, "see `ps` and the kernel's log")
        say(f"engine-stop: stopped dockerd (process {process.pid})")
    else:
        say(f"engine-stop: the dockerd that was started (process {process.pid}) is gone already")
    # A dockerd that was killed leaves its children behind; one that ended well, none.
    left = processes.wait_until_gone(children(daemon), 2.0)
    for child in left:
        child.end(polite=5.0, rude=5.0)
        say(f"engine-stop: ended process {child.pid}, which it left behind")
    for path in (daemon.socket, daemon.pid_file):
        if not running(daemon.pid_file, "dockerd"):
            path.unlink(missing_ok=True)


def _containers(daemon: Daemon) -> int | None:
    """Return how many containers run, by the engine or by its containerd's shims; None if neither is known."""
    status, body = ask(daemon.socket, "/containers/json", ANSWER_SECONDS)
    with contextlib.suppress(ValueError):
        if status == http.HTTPStatus.OK and isinstance(running_there := json.loads(body), list):
            return len(running_there)
    names = [processes.command_name(child.pid) for child in children(daemon)]
    return sum(name.startswith("containerd-shim") for name in names) if "containerd" in names else None


def children(daemon: Daemon) -> list[Process]:
    """Find the containerd and the shims that belong to this dockerd, by the paths that they were given."""
    found = []
    for pid, words in processes.command_lines():
        if belongs(words, daemon.exec_root) and (process := processes.find(pid)):
            found.append(process)
    return found


def belongs(words: list[str], exec_root: Path) -> bool:
    """Whether a command line is that of a containerd or of a shim below this exec root."""
    program = Path(words[0]).name
    roots = {f"{exec_root}/", f"{exec_root.resolve()}/"}
    return program.startswith("containerd") and any(word.startswith(root) for word in words[1:] for root in roots)


def _main_process(doing: str) -> Process | None:
    """Return the process that systemd takes for the service's own, None where the service does not run."""
    text = _systemctl(doing, "show", "--property=MainPID", "--value", SERVICE).strip()
    return processes.find(int(text)) if text.isdecimal() else None


def _systemctl(doing: str, *words: str) -> str:
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(doing, f"systemctl {' '.join(words)}: {error}", "journalctl -u docker says more") from error
    if done.returncode:
        raise Problem(doing, done.stderr.strip() or f"systemctl ended with {done.returncode}", "journalctl -u docker")
    return done.stdout
