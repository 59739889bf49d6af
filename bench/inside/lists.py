"""Starts the backend and tells what it takes: `python lists.py ROUNDS COMMAND…` prints a JSON object.

`start` is in seconds, `memory` is the most that was resident in MB (10^6 bytes), all others are milliseconds an answer.
Times are the server's own on a processor: whatever else the machine does, they stay the same.
"""

import contextlib
import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

SERVER: Final = "127.0.0.1:8000"
SECONDS: Final = 120.0
FIRST: Final = {"series, first answer": "data/info"}
"""What is asked for once: a later answer is known already."""
LISTS: Final = {
    "operations": "operations?limit=50&brief=true",
    "operations with results": "operations?limit=20",
    "failed operations": "operations?limit=50&brief=true&status=failed",
    "running operations": "operations?limit=50&brief=true&status=running",
    "models": "models?limit=50",
    "workers": "workers",
    "metrics": "/metrics",
}


def main() -> None:
    """Start the command, ask, and print."""
    rounds, command = int(sys.argv[1]), sys.argv[2:]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _until_healthy(time.monotonic() + SECONDS)
            found = {"start": _busy_seconds(server.pid)}
            found |= {name: _asked(server.pid, path) for name, path in FIRST.items()}
            for name, path in LISTS.items():
                found[name] = statistics.median(_asked(server.pid, path) for _ in range(rounds))
            found["memory"] = _peak_bytes(server.pid) / 1e6
        finally:
            server.terminate()
    print(json.dumps(found))


def _until_healthy(end: float) -> None:
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if json.loads(_get("health"))["status"] == "ok":
                return
        if time.monotonic() > end:
            sys.exit(f"the backend was not healthy within {SECONDS:.0f} s")
        time.sleep(0.005)


def _asked(pid: int, path: str) -> float:
    """Return the milliseconds of an answer."""
    before = _busy_seconds(pid)
    _get(path)
    return (_busy_seconds(pid) - before) * 1000


def _busy_seconds(pid: int) -> float:
    """Return the time that a process has had on a processor (clock_getcpuclockid(3), as Linux numbers its clocks)."""
    return time.clock_gettime((~pid << 3) | 2)


def _get(path: str) -> bytes:
    with contextlib.closing(http.client.HTTPConnection(SERVER, timeout=SECONDS)) as connection:
        connection.request("GET", path if path.startswith("/") else f"/api/v1/{path}")
        answer = connection.getresponse()
        content = answer.read()
    if answer.status not in (200, 503):
        sys.exit(f"{path} was answered with {answer.status}: {content[:200]!r}")
    return content


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
