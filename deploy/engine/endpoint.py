"""Where the Docker Engine is: the docker command's own rules, applied once, so that all clients use one engine.

Why not docker's ContextAPI: it takes a broken context for the default one and ignores an incomplete set of TLS files.
It does not verify certificates by default, and does not say which setting named the address.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.errors import Exit, Problem

DEFAULT_SOCKET = Path("/var/run/docker.sock")
DEFAULT_HOST = f"unix://{DEFAULT_SOCKET}"


@dataclass(frozen=True)
class Tls:
    """The files that secure a connection to an engine; `verify` is whether the engine's certificate is checked."""

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool


@dataclass(frozen=True)
class Endpoint:
    """The address of an engine, and which setting named it."""

    host: str
    origin: str
    tls: Tls | None = None

    @property
    def is_default(self) -> bool:
        """Whether this is the local engine's usual socket, the only place where one may be started."""
        return self.host in {DEFAULT_HOST, "unix:///run/docker.sock"}

    @property
    def shown(self) -> str:
        """The address as messages show it: without a password."""
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:•••@", self.host)

    @property
    def name(self) -> str:
        """The host of the address, as NO_PROXY takes it; empty for a socket."""
        return urlsplit(self.host).hostname or ""

    def flags(self) -> list[str]:
        """Return the docker command's options for exactly this endpoint."""
        options = ["--host", self.host]
        if self.tls:
            options.append("--tlsverify" if self.tls.verify else "--tls")
            named = (("--tlscacert", self.tls.ca), ("--tlscert", self.tls.cert), ("--tlskey", self.tls.key))
            options += [part for flag, path in named if path for part in (flag, str(path))]
        return options


def resolve(env: Mapping[str, str], home: Path) -> Endpoint:
    """Resolve the endpoint as the docker command does: DOCKER_HOST, DOCKER_CONTEXT, the current context, the socket.

    Raises:
        Problem: the context that is named does not exist or cannot be read (exit 2).

    """
    config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    if env.get("DOCKER_HOST"):
        return Endpoint(_address(env["DOCKER_HOST"]), "DOCKER_HOST", _tls_of_environment(env, config))
    name, origin = env.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not name:
        name, origin = _current_context(config), f"currentContext in {config / 'config.json'}"
    if name in {"", "default"}:
        return Endpoint(DEFAULT_HOST, "default")
    return _context(config, name, origin)


def _address(host: str) -> str:
    """Give a bare `host:port` the scheme that the docker command assumes."""
    return host if "://" in host else f"tcp://{host}"


def _tls_of_environment(env: Mapping[str, str], config: Path) -> Tls | None:
    if not (env.get("DOCKER_TLS_VERIFY") or env.get("DOCKER_TLS")):
        return None
    folder = Path(env.get("DOCKER_CERT_PATH") or config)
    return _tls_files(folder, verify=bool(env.get("DOCKER_TLS_VERIFY")))


def _tls_files(folder: Path, *, verify: bool) -> Tls:
    ca, cert, key = (path if (path := folder / f"{name}.pem").is_file() else None for name in ("ca", "cert", "key"))
    return Tls(ca=ca, cert=cert, key=key, verify=verify)


def _current_context(config: Path) -> str:
    path = config / "config.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        next_step = "correct that file, or set DOCKER_HOST"
        raise Problem("reading docker's settings", f"{path}: {error}", next_step, Exit.USAGE) from error
    current = document.get("currentContext", "") if isinstance(document, dict) else ""
    return current if isinstance(current, str) else ""


def _context(config: Path, name: str, origin: str) -> Endpoint:
    """Read a context from docker's own store, which files it under the digest of its name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = config / "contexts" / "meta" / digest / "meta.json"
    try:
        docker = json.loads(path.read_text(encoding="utf-8"))["Endpoints"]["docker"]
        host = docker["Host"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        wrong = f"{origin} names the context '{name}', which is not in {config / 'contexts'} ({type(error).__name__})"
        next_step = "docker context ls shows those there are; docker context use default selects the local engine"
        raise Problem("finding the Docker Engine", wrong, next_step, Exit.USAGE) from error
    files = config / "contexts" / "tls" / digest / "docker"
    skip = bool(docker.get("SkipTLSVerify"))
    tls = _tls_files(files, verify=not skip) if files.is_dir() or skip else None
    return Endpoint(host, f"context {name}", tls)
