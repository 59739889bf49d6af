"""A registry of this machine's own, from Debian's package, for as long as a measurement takes."""

import contextlib
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import SHOWN
from deploy.engine import processes
from deploy.errors import Problem

PACKAGE = "docker-registry"
LOG = "log"
SECONDS = 120.0
STOPPING = 10.0  # seconds for a registry to end when it is asked to, and when it is killed
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}{storage}}}
http: {{addr: "{address}"{http}}}
"""


@dataclass(frozen=True)
class Registry:
    """Where it answers and where it keeps what it received."""

    address: str
    root: Path

    def held_bytes(self) -> int:
        """Return the bytes of all blobs that it holds: layers, configurations and manifests."""
        return sum(path.stat().st_size for path in self.root.rglob("blobs/sha256/*/*/data"))


@contextlib.contextmanager
def registry(
    directory: Path,
    *,
    program: Path | None = None,
    http: str = "",
    storage: str = "",
    more: str = "",
    authority: Path | None = None,
) -> Iterator[Registry]:
    """Fetch, unpack and run a registry, or run an unpacked ``program``; nothing is installed.

    ``http`` and ``storage`` are more keys of these parts, ``more`` other lines of its configuration, all in YAML.
    With TLS the ``authority`` is the certificate that vouches for it.

    Raises:
        Problem: the package cannot be fetched, or what it holds does not answer.

    """
    place = directory / "registry"
    place.mkdir(parents=True)
    program = program or unpacked(place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Registry(f"127.0.0.1:{free.getsockname()[1]}", place / "held")
    configuration = place / "registry.yml"
    configuration.write_text(
        CONFIGURATION.format(root=server.root, address=server.address, http=http, storage=storage) + more,
        encoding="utf-8",
    )
    with (place / LOG).open("w", encoding="utf-8") as log:
        process = subprocess.Popen([program, "serve", configuration], stdout=log, stderr=log)
        try:
            _until_it_answers(server, process, authority)
            yield server
        finally:
            processes.end(process.pid, STOPPING, STOPPING)
            process.wait()


def unpacked(place: Path) -> Path:
    """Fetch and unpack Debian's registry; returns its program. Raises Problem where it cannot be had."""
    (place / "unpacked").mkdir()
    doing, next_step = (
        f"fetching Debian's {PACKAGE}",
        "run `apt-get update` as root, or name other groups than `builds`",
    )
    try:
        for command in (["apt-get", "download", PACKAGE], ["dpkg-deb", "--extract", "PACKAGE", "unpacked"]):
            words = [next(place.glob("*.deb")).name if word == "PACKAGE" else word for word in command]
            subprocess.run(words, cwd=place, check=True, capture_output=True, text=True, timeout=SECONDS)
        return next((place / "unpacked" / "usr" / "bin").iterdir())
    except subprocess.CalledProcessError as error:
        raise Problem(doing, error.stderr.strip(), next_step) from None
    except (OSError, StopIteration, subprocess.TimeoutExpired) as error:
        raise Problem(doing, str(error) or type(error).__name__, next_step) from None


def _until_it_answers(server: Registry, process: "subprocess.Popen[bytes]", authority: Path | None) -> None:
    """Wait for the registry, which is on this machine: no proxy is asked for it. To ask who one is is an answer."""
    doing, next_step = "starting a registry", "see whether 127.0.0.1 can be listened on"
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if authority:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)))
    direct, scheme = urllib.request.build_opener(*handlers), "https" if authority else "http"
    end = time.monotonic() + SECONDS
    while True:
        try:
            with direct.open(f"{scheme}://{server.address}/v2/", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError as error:
            if process.poll() is not None:
                log = (server.root.parent / LOG).read_text(encoding="utf-8", errors="replace")
                raise Problem(doing, f"it ended with {process.returncode}: {log[-SHOWN:]}", next_step) from None
            if time.monotonic() > end:
                raise Problem(doing, str(error), next_step) from None
            time.sleep(0.05)
