"""A backend as it is run: uvicorn in a process of its own on an empty directory, asked over HTTP."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final, Self

import httpx

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
LISTENS: Final = re.compile(r"Uvicorn running on http://[0-9.]+:(\d+)")


class Api(httpx.Client):
    """A client of a backend's API, which knows where that keeps its data."""

    def __init__(self, backend: "Backend", timeout: float) -> None:
        super().__init__(base_url=f"{backend.url}/api/v1/", timeout=timeout, trust_env=False)
        self.data = backend.data


class Backend:
    """One backend. The port is the engine's choice at the first start and stays the same after that."""

    def __init__(
        self, data: Path, application: str = "ktrdr.api.main:app", host: str = "127.0.0.1", **settings: str
    ) -> None:
        self.data = data
        self.host = host
        self._settings = settings
        self._application = application
        self.port = 0
        self.lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"http://{self.host}:{self.port}"

    @property
    def api(self) -> Api:
        """A client of its API."""
        return Api(self, 30)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has printed, over all its starts."""
        return "".join(self.lines)

    def start(self) -> Self:
        """Start it, and return once it says that it listens."""
        listening = threading.Event()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "uvicorn",
                self._application,
                "--host",
                self.host,
                "--port",
                str(self.port),
                "--http",
                "ktrdr.api.connections:Connection",
                "--timeout-graceful-shutdown",
                "5",
            ],  # as the image's command
            env={**os.environ, "KTRDR_DATA_DIR": str(self.data), "PYTHONUNBUFFERED": "1", **self._settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, listening))
        self._reader.start()
        assert listening.wait(START_SECONDS), f"the backend did not start:\n{self.log}"
        assert self._process.poll() is None, f"the backend ended:\n{self.log}"
        return self

    def stop(self) -> None:
        """Stop it as an engine would, then wait until it has gone."""
        assert self._process is not None
        assert self._reader is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)
                if found := LISTENS.search(line):
                    self.port = int(found[1])
                    listening.set()
        listening.set()

    def peak_mib(self) -> float:
        """Return the most memory that it has held so far, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def until_logged(self, pattern: str, seconds: float = 10.0) -> str:
        """Wait until a line has been printed in which the pattern is found, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.lines:
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)  # the condition is the loop's
        raise AssertionError(f"nothing like {pattern!r} was logged:\n{self.log}")
