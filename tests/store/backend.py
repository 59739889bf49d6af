"""A backend as users start it: uvicorn in a process of its own, spoken to over HTTP, killed without warning."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.waiting import until

SECONDS: Final = 30.0


class Backend:
    """One backend on a port of its own; the port, the data and the database outlive its process."""

    def __init__(self, data_dir: Path, database_url: str, **settings: str) -> None:
        self._environment = {
            **os.environ,
            "KTRDR_DATA_DIR": str(data_dir),
            "KTRDR_DATABASE_URL": database_url,
            **settings,
        }
        self._log = data_dir.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1/", timeout=SECONDS, trust_env=False)

    @property
    def printed(self) -> str:
        """What it wrote to its output, all of its lives together."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it; it is healthy when this returns."""
        command = [sys.executable, "-m", "uvicorn", "ktrdr.api.main:app", "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(f"a healthy backend\n{self.printed[-2000:]}", lambda: self.health().get("status") == "ok")

    def kill(self) -> None:
        """SIGKILL: nothing is written, closed or said."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(SECONDS)

    def end(self) -> None:
        """Kill it where it runs, and close the client."""
        if self._process is not None:
            self.kill()
        self.client.close()

    def health(self) -> dict[str, Any]:
        """Return the health document, with the HTTP status in `http`; empty while nobody listens."""
        try:
            answer = self.client.get("health")
        except httpx.TransportError:
            return {}
        return {**answer.json(), "http": answer.status_code}

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON at a path; an answer other than 2xx fails the test."""
        return self._json(self.client.get(path))

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send JSON, return JSON; an answer other than 2xx fails the test."""
        return self._json(self.client.post(path, json=body if body is not None else {}))

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        document: dict[str, Any] = answer.json()
        return document
