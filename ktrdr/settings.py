"""The API's settings, from environment variables."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ktrdr.errors import SettingError
from ktrdr.secret_file import CLIENTS, WORKERS, read_secret, shared_secret
from ktrdr.store_address import Address, PostgresServer, SqliteFile, read_address

SHIPPED_STRATEGIES = Path(__file__).parent / "strategies"
KEPT_DAYS = 365
KEPT_OPERATIONS = 100_000
LARGEST = 1_000_000_000
HOST_NAME = re.compile(r"[a-z0-9_\-]+(\.[a-z0-9_\-]+)*")


@dataclass(frozen=True)
class Settings:
    """Where the backend stores its data; it writes to no directory but `data_dir`.

    `allowed_hosts` are further host names of the backend, in lower case, beside addresses and names without a dot.
    `kept_days` and `kept_operations` bound the operations that have ended; older ones are removed.
    `retry_on_shutdown`: an operation whose worker is told to end is queued anew, once.
    """

    data_dir: Path
    database: Address
    allowed_hosts: frozenset[str] = frozenset()
    worker_secret: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    kept_days: int = KEPT_DAYS
    kept_operations: int = KEPT_OPERATIONS
    retry_on_shutdown: bool = True

    @property
    def open_to(self) -> str:
        """The settings without which anybody may work, or change something; empty if both are there."""
        found = {f"{WORKERS} (a worker)": self.worker_secret, f"{CLIENTS} (a client)": self.client_secret}
        return " and ".join(name for name, secret in found.items() if not secret)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read KTRDR_DATA_DIR, KTRDR_ALLOWED_HOSTS, KTRDR_DATABASE_URL, KTRDR_KEEP_*, KTRDR_RETRY_ON_SHUTDOWN, *_FILE.

        SettingError names the variable, its value without the password, and the next step.
        """
        data_dir = Path(environment.get("KTRDR_DATA_DIR") or "data")
        hosts = _hosts(environment.get("KTRDR_ALLOWED_HOSTS") or "")
        names = ("KTRDR_WORKER_SECRET_FILE", "KTRDR_CLIENT_SECRET_FILE")
        workers, clients = (shared_secret(name, environment) for name in names)
        return cls(
            data_dir,
            _database(data_dir, environment),
            hosts,
            workers,
            clients,
            _number("KTRDR_KEEP_DAYS", environment, KEPT_DAYS),
            _number("KTRDR_KEEP_OPERATIONS", environment, KEPT_OPERATIONS),
            _yes("KTRDR_RETRY_ON_SHUTDOWN", environment),
        )


def _database(data_dir: Path, environment: Mapping[str, str]) -> Address:
    url = environment.get("KTRDR_DATABASE_URL")
    if not url:
        return SqliteFile(data_dir / "ktrdr.db")
    try:
        database = read_address(url)
    except ValueError as error:
        raise SettingError(f"KTRDR_DATABASE_URL is {error}") from None
    file = environment.get("KTRDR_DATABASE_PASSWORD_FILE")
    if file and isinstance(database, PostgresServer):
        database = replace(database, password=_password(file, database.password))
    return database


def _number(name: str, environment: Mapping[str, str], default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LARGEST):
        raise SettingError(f"{name} is {text[:40]!r}; write a whole number from 1 to {LARGEST}")
    return int(text)


def _yes(name: str, environment: Mapping[str, str]) -> bool:
    text = environment.get(name) or "true"
    if text not in ("true", "false"):
        raise SettingError(f"{name} is {text[:40]!r}; write true or false")
    return text == "true"


def _hosts(text: str) -> frozenset[str]:
    names = [name.strip().rstrip(".").lower() for name in text.split(",") if name.strip()]
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise SettingError(
                f"KTRDR_ALLOWED_HOSTS names {name!r}; write names as ktrdr.example.com, with commas between"
            )
    return frozenset(names)


def _password(file: str, in_url: str) -> str:
    name = "KTRDR_DATABASE_PASSWORD_FILE"
    if in_url:
        raise SettingError(f"{name} is {file!r}, and KTRDR_DATABASE_URL has a password too: keep one of them")
    return read_secret(name, file, "password")


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of the installed distribution, or "0+unknown" if ktrdr runs from a source tree."""
    from importlib import metadata  # noqa: PLC0415  the CLI starts faster without it

    try:
        return metadata.version("ktrdr")
    except metadata.PackageNotFoundError:
        return "0+unknown"
