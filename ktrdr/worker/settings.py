"""A worker's settings, from environment variables."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ktrdr.errors import SettingError
from ktrdr.names import is_name
from ktrdr.secret_file import shared_secret

WORKER_TYPES: Final = ("training", "backtest")
DEFAULT_PORT: Final = 5003
HIGHEST_PORT: Final = 65535


@dataclass(frozen=True)
class WorkerSettings:
    """A worker's identity, its port, and the addresses of worker and backend."""

    worker_type: str
    worker_id: str
    port: int
    api_url: str
    endpoint_url: str
    secret: str = field(default="", repr=False)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, worker_type: str | None = None
    ) -> "WorkerSettings":
        """Read the KTRDR_WORKER_* variables and KTRDR_API_URL; SettingError names the variable and the next step."""
        kind = worker_type or environment.get("KTRDR_WORKER_TYPE") or WORKER_TYPES[0]
        if kind not in WORKER_TYPES:
            raise SettingError(f"KTRDR_WORKER_TYPE is {kind!r}; use {' or '.join(WORKER_TYPES)}")
        port = environment.get("KTRDR_WORKER_PORT") or str(DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
            raise SettingError(f"KTRDR_WORKER_PORT is {port!r}; use a port number")
        host = socket.gethostname()
        worker_id = environment.get("KTRDR_WORKER_ID") or f"{kind}-{host}-{os.getpid()}"
        if not is_name(worker_id):
            raise SettingError(f"KTRDR_WORKER_ID is {worker_id!r}; use letters, digits, dots, hyphens and underscores")
        api_url = (environment.get("KTRDR_API_URL") or "http://127.0.0.1:8000").rstrip("/")
        endpoint = environment.get("KTRDR_WORKER_PUBLIC_BASE_URL") or f"http://{host}:{port}"
        for name, url in (("KTRDR_API_URL", api_url), ("KTRDR_WORKER_PUBLIC_BASE_URL", endpoint)):
            if not url.startswith(("http://", "https://")):
                raise SettingError(f"{name} is {url!r}; write a URL such as http://backend:8000")
        secret = shared_secret("KTRDR_WORKER_SECRET_FILE", environment)
        return cls(kind, worker_id, int(port), api_url.removesuffix("/api/v1"), endpoint.rstrip("/"), secret)
