"""The address of the store: a SQLite file or a PostgreSQL database, read from a URL."""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

DEFAULT_PORT: Final = 5432
FORMS: Final = "write sqlite:///path/to/ktrdr.db or postgresql://user:password@host:port/name"
TLS_MODES: Final = ("disable", "prefer", "require", "verify-full")


@dataclass(frozen=True)
class SqliteFile:
    """A database in a SQLite file."""

    path: Path

    def __str__(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class PostgresServer:
    """A database on a PostgreSQL server; `host` may be the directory of the server's socket.

    `tls` is one of TLS_MODES, as libpq's sslmode means them (PostgreSQL documentation, "SSL Support").
    """

    host: str
    port: int
    name: str
    user: str
    password: str = field(default="", repr=False)
    tls: str = "prefer"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else quote(self.host)
        return f"postgresql://{quote(self.user, safe='')}@{host}:{self.port}/{quote(self.name, safe='')}"


Address = SqliteFile | PostgresServer


def read_address(url: str) -> Address:
    """Read a database URL; ValueError names the mistake and the next step, and no secret."""
    scheme, separator, rest = url.partition("://")
    try:
        if scheme == "sqlite" and separator:
            return _read_file(rest)
        if scheme in ("postgresql", "postgres") and separator:
            return _read_server(url)
    except ValueError as error:
        raise ValueError(f"{redacted(url)!r}: {error}; {FORMS}") from None
    raise ValueError(f"{redacted(url)!r}: it names no database that ktrdr knows; {FORMS}")


def redacted(url: str) -> str:
    """Return a URL, well-formed or not, without anything that may be a password."""
    named = re.match(r"[A-Za-z][\w+.-]*://", url)
    scheme = named[0] if named else ""
    _, at, place = url.removeprefix(scheme).rpartition("@")
    shown = f"***@{place}" if at else re.sub(r":.*", ":***", place, flags=re.DOTALL)
    return scheme + re.sub(r"(pass\w*=)[^&]*", r"\1***", shown, flags=re.IGNORECASE)


def _read_file(rest: str) -> SqliteFile:
    if not rest.startswith("/"):
        raise ValueError("a file's path comes after three slashes, an absolute one's after four")
    path = rest.removeprefix("/")
    if not path or path.endswith("/") or path == ":memory:" or "\0" in path:
        raise ValueError("it names no file")
    return SqliteFile(Path(path))


def _read_server(url: str) -> PostgresServer:
    parts, options = _split(url)
    host = options.pop("host", parts.hostname) or ""
    tls = options.pop("sslmode", "prefer")
    name, user = unquote(parts.path.removeprefix("/")), unquote(parts.username or "")
    for value, what in ((host, "host"), (name, "database name"), (user, "user")):
        if not value or "\0" in value:
            raise ValueError(f"it has no {what}")
    if options:
        raise ValueError(f"the only options are host and sslmode, not {', '.join(sorted(options))}")
    if tls not in TLS_MODES:
        raise ValueError(f"sslmode is one of {', '.join(TLS_MODES)}, not {tls}")
    return PostgresServer(host, parts.port or DEFAULT_PORT, name, user, unquote(parts.password or ""), tls)


def _split(url: str) -> tuple[SplitResult, dict[str, str]]:
    """Split a URL; Python's own messages are not passed on, because they could contain the password."""
    plain = url.isprintable() and " " not in url
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True)) if parts.query else {}
        if plain and parts.port != 0 and not parts.fragment and "/" not in parts.path.removeprefix("/"):
            return parts, options
    raise ValueError("it cannot be split into its parts (percent-encode what is no letter or digit in a password)")
