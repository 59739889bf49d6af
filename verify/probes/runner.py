"""Runs the other probes, each in a fresh interpreter, and prints one JSON document with the nonce it was given.

Started as ``python -c SOURCE REQUEST``. The request (JSON) holds ``nonce`` and ``probes`` (name -> source, argument,
seconds). What a probe prints is kept apart from what it reports: the report comes through a pipe of its own. SIGTERM
ends the runner and every probe.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

KEPT = 16_000  # bytes kept of what a probe prints
REPORT_AT_MOST = 2_000_000  # bytes
STARTING = threading.Lock()  # held while a probe is started, and by the end, so that none is started unseen
RUNNING: "set[object]" = set()  # probes


def start(command, argument):
    """Start a command with a pipe for its report; returns the process and the pipe's end to read."""
    reading, writing = os.pipe()
    environ = dict(os.environ, KTRDR_PROBE_FD=str(writing), KTRDR_PROBE_ARGUMENT=json.dumps(argument))
    try:
        with STARTING:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ,
                pass_fds=[writing], start_new_session=True,
            )  # fmt: skip
            RUNNING.add(process)
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return process, reading


def drain(stream, kept, at_most):
    """Read a stream to its end into ``kept``; all but the first ``at_most`` bytes are counted and dropped."""
    with stream:
        while block := stream.read1(1 << 16):
            kept["bytes"] += len(block)
            room = at_most - len(kept["data"])
            kept["data"] += block[: max(0, room)]


def run(command, argument, seconds):
    """Run one command to its end or its deadline; returns what became of it."""
    began = time.monotonic()
    try:
        process, reading = start(command, argument)
    except OSError as error:
        return {"outcome": "not started", "error": str(error)}
    printed, report = ({"bytes": 0, "data": b""} for _ in range(2))
    threads = [
        threading.Thread(target=drain, args=(process.stdout, printed, KEPT), daemon=True),
        threading.Thread(target=drain, args=(os.fdopen(reading, "rb"), report, REPORT_AT_MOST + 1), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        process.wait(seconds)
        outcome = "ended"
    except subprocess.TimeoutExpired:
        outcome = "timed out"
    kill(process)
    RUNNING.discard(process)
    process.wait()
    for thread in threads:
        thread.join(5)
    return {
        "outcome": outcome,
        "exit_code": process.returncode,
        "seconds": round(time.monotonic() - began, 3),
        "printed": printed["data"].decode("utf-8", "replace"),
        "printed_bytes": printed["bytes"],
        **parsed(report["data"]),
    }


def kill(process):
    """Kill a probe; what it started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def end(number, _frame):
    """Handle a signal: kill every probe, and end."""
    signal.signal(number, signal.SIG_IGN)
    with STARTING:
        for process in RUNNING.copy():
            kill(process)
        os._exit(128 + number)


def parsed(data):
    """Return a probe's report, or why there is none."""
    if not data:
        return {}
    if len(data) > REPORT_AT_MOST:
        return {"error": "the report is too long"}
    try:
        return {"report": json.loads(data)}
    except ValueError as error:
        return {"error": f"the report is no JSON document: {error}"}


def main():
    """Run everything that was asked for, side by side, and print the document."""
    signal.signal(signal.SIGTERM, end)
    request = json.loads(sys.argv[1])
    results = {}

    def one(name, command, argument, seconds):
        results[name] = run(command, argument, seconds)

    threads = [
        threading.Thread(
            target=one, args=(name, [sys.executable, "-c", probe["source"]], probe["argument"], probe["seconds"])
        )
        for name, probe in request["probes"].items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"schema": 1, "nonce": request["nonce"], "results": results}))


main()
