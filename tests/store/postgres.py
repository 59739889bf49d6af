"""A PostgreSQL server for tests: Debian's package, a data directory and a port of its own, gone at the end."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pg8000.native  # type: ignore[import-untyped]  # it has no annotations

from deploy.engine import apt
from deploy.errors import Problem

BY_HAND: Final = "install PostgreSQL: apt-get install --no-install-recommends postgresql"
CLUSTERS: Final = Path("/etc/postgresql-common/createcluster.d")
PASSWORD: Final = "p@ss/w:rd% ?#"  # noqa: S105  of a server that nobody else can reach; every character needs care
SECONDS: Final = 30.0
OFTEN: Final = 0.05  # seconds between two looks at a condition


def find_or_install() -> Path:
    """Return the directory of initdb and postgres; Problem where there is none and none may be installed."""
    return _find() or _install()


def _find() -> Path | None:
    on_path = shutil.which("postgres")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    found = [Path(on_path).resolve()] if on_path else packaged  # a link leads to all programs of the server
    return found[-1].parent if found else None


def _install() -> Path:
    doing = "looking for PostgreSQL"
    here = apt.must_be_able(doing, BY_HAND)
    with _no_cluster(), apt.with_sources(here.codename, print) as own:
        own.use(apt.own_sources(here.codename))
        own.install(["postgresql"])
    found = _find()
    if found is None:
        raise Problem(doing, "the package postgresql brought no such program", BY_HAND)
    return found


@contextlib.contextmanager
def _no_cluster() -> Iterator[None]:
    """Keep the package from making, and starting, a server of the machine's own."""
    setting = CLUSTERS / "ktrdr-tests.conf"
    CLUSTERS.mkdir(parents=True, exist_ok=True)
    setting.write_text("create_main_cluster = false\n", encoding="utf-8")
    try:
        yield
    finally:
        setting.unlink()


class Postgres:
    """One server. It refuses to run as root, so root gives it to the user that the package brings."""

    user = "ktrdr user"

    def __init__(self, programs: Path, of: "Postgres | None" = None) -> None:
        """Make its data directory, as a standby `of` another server where one is named; `start` starts it."""
        self._programs = programs
        self._owner = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="ktrdr-postgres-"))
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if self._owner:
            account = pwd.getpwnam(self._owner)
            for path in (self.folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        if of is not None:
            self._run(
                "pg_basebackup", "--host=127.0.0.1", "--port", str(of.port), "--username", self.user, "--no-password",
                "--pgdata", str(self.folder / "data"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                PGPASSWORD=PASSWORD,
            )  # fmt: skip
            return
        self._run(
            "initdb", "--username", self.user, "--pwfile", str(secret), "--auth=scram-sha-256", "--no-sync",
            "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata", str(self.folder / "data"),
        )  # fmt: skip

    def _run(self, program: str, *arguments: str, **environ: str) -> None:
        command, env = [str(self._programs / program), *arguments], {**os.environ, **environ}
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/", env=env, **self._as_owner())

    def _as_owner(self) -> dict[str, Any]:
        if not self._owner:
            return {}
        return {"user": self._owner, "group": pwd.getpwnam(self._owner).pw_gid, "extra_groups": []}

    def start(self) -> None:
        """Start it; it answers when this returns."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder), "fsync": "off"}
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_owner()
            )
        end = time.monotonic() + SECONDS
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise TimeoutError(f"the server does not answer:\n{self._log.read_text(errors='replace')[-4000:]}")
            time.sleep(OFTEN)

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except pg8000.native.Error:
            return False
        return True

    def run(self, sql: str, database: str = "postgres", **values: object) -> list[list[Any]]:
        """Run a statement beside the application's own connection."""
        with pg8000.native.Connection(
            self.user, "127.0.0.1", database, self.port, PASSWORD, timeout=SECONDS
        ) as connection:
            return list(connection.run(sql, **values) or [])

    def empty_database(self) -> str:
        """Return the name of a database, emptied of what was there and of who was; it needs quoting."""
        name = "ktrdr's own"
        if not self.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name):
            self.run(f'CREATE DATABASE "{name}"')
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name", name=name)
        self.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        return name

    @contextlib.contextmanager
    def encrypted(self) -> Iterator[Path]:
        """Let it speak TLS; gives the certificate, which it signed itself."""
        data = self.folder / "data"
        certificate, key = data / "server.crt", data / "server.key"
        command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=ktrdr"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True, timeout=60, **self._as_owner())
        self._set_tls("on")
        try:
            yield certificate
        finally:
            self._set_tls("off")

    def _set_tls(self, state: str) -> None:
        self.run(f"ALTER SYSTEM SET ssl = {state}")
        self.run("SELECT pg_reload_conf()")
        end = time.monotonic() + SECONDS
        while self.run("SHOW ssl") != [[state]]:
            if time.monotonic() > end:
                raise TimeoutError(f"the server does not turn TLS {state}")
            time.sleep(OFTEN)

    def restart(self) -> None:
        """Start it where it is not running."""
        if self._process is None:
            self.start()

    def stop(self) -> None:
        """Shut it down in order; clients are cut off."""
        self._signal([self._pid()], signal.SIGINT)
        self._gone()

    def kill(self) -> None:
        """End all of its processes at once, as a power cut would."""
        everyone = [self._pid(), *self._children()]
        self._signal(everyone, signal.SIGKILL)
        self._gone()
        end = time.monotonic() + SECONDS
        while any(map(_alive, everyone[1:])):
            if time.monotonic() > end:
                raise TimeoutError("processes of the killed server are still there")
            time.sleep(OFTEN)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Keep all of its processes from doing anything: connections stay, and nobody answers."""
        everyone = [self._pid(), *self._children()]
        self._signal(everyone, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(everyone, signal.SIGCONT)

    def remove(self) -> None:
        """Stop it where it runs, and leave nothing."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def _children(self) -> list[int]:
        text = Path(f"/proc/{self._pid()}/task/{self._pid()}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]

    def _signal(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait(SECONDS)
        self._process = None


def _unprivileged() -> str | None:
    """Return who the server runs as: root picks a user, everyone else is one already."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
