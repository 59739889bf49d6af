"""Where the store is: a SQLite file or a PostgreSQL database, read from a URL."""

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
    """A database in a file of its own."""

    path: Path

    def __str__(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class PostgresServer:
    """A database on a PostgreSQL server; `host` is a directory where the server listens on a socket in it.

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
    """Read a database URL; ValueError says what is wrong with it, names no secret, and gives the mend."""
    scheme, separator, rest = url.partition("://")
    try:
        if scheme == "sqlite" and separator:
            return _read_file(rest)
        if scheme in ("postgresql", "postgres") and separator:
            return _read_server(urlsplit(url))
    except ValueError as error:
        raise ValueError(f"{redacted(url)!r}: {error}; {FORMS}") from None
    raise ValueError(f"{redacted(url)!r} names no database that ktrdr knows; {FORMS}")


def redacted(url: str) -> str:
    """Return a URL, well-formed or not, without what is or might be its password."""
    start, at, rest = url.rpartition("@")
    if at:
        url = re.sub(r"^(\w*:(?://)?[^:/]*):.*", r"\1:***", start, flags=re.DOTALL) + at + rest
    else:
        url = re.sub(r"^(\w*:(?://)?[^:/\[]*):(?!\d{1,5}(?:[/?]|$)).*", r"\1:***", url, flags=re.DOTALL)
    return re.sub(r"(pass\w*=)[^&]*", r"\1***", url, flags=re.IGNORECASE)


def _read_file(rest: str) -> SqliteFile:
    if not rest.startswith("/"):
        raise ValueError("a file's path comes after three slashes, an absolute one's after four")
    path = rest.removeprefix("/")
    if not path or path.endswith("/") or path == ":memory:" or "\0" in path:
        raise ValueError("it names no file")
    return SqliteFile(Path(path))


def _read_server(parts: SplitResult) -> PostgresServer:
    try:
        port = parts.port or DEFAULT_PORT
        host = parts.hostname
        options = dict(parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True)) if parts.query else {}
    except ValueError:
        raise ValueError("host, port or options cannot be read (percent-encode : / ? # @ in a password)") from None
    host = options.pop("host", host) or ""
    tls = options.pop("sslmode", "prefer")
    name, user = unquote(parts.path.removeprefix("/")), unquote(parts.username or "")
    for value, what in ((host, "host"), (name, "database name"), (user, "user")):
        if not value or "\0" in value:
            raise ValueError(f"it has no {what}")
    if parts.fragment or "/" in name:
        raise ValueError("something follows the database name (percent-encode : / ? # @ in a password)")
    if options:
        raise ValueError(f"the option {min(options)!r} is unknown; known are host and sslmode")
    if tls not in TLS_MODES:
        raise ValueError(f"sslmode {tls!r} is unknown; known are {', '.join(TLS_MODES)}")
    return PostgresServer(host, port, name, user, unquote(parts.password or ""), tls)
