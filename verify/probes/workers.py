"""Tries every worker type that an image is for: it does a small piece of its work, then starts and answers for itself.

Processes are forked from one that has torch already: importing it again would cost more than all that is tried.
"""

import contextlib
import functools
import http.client
import importlib
import json
import os
import runpy
import select
import signal
import socket
import time

from verify.probes.attempts import attempt
from verify.probes.patience import Patience
from verify.probes.work import Backend, backtest, train

WORK = {"training": train, "backtest": backtest}
SECONDS = 90.0  # from the beginning of the probe, which has 120 in all, without those of waiting for a processor
AFTER = 3.0  # seconds more until all was reported
PAUSE = 0.1
NOTHING = "it never answered"


def begin(kinds, began):
    """Fork a process that tries these types side by side, until SECONDS after a probe began (monotonic clock).

    Return its id, the pipe's end to read, and what is left until it will have ended.
    """
    session = os.getsid(0)
    patience = Patience(SECONDS, session, began)
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        return child, reading, Patience(SECONDS + AFTER, session, began)
    try:
        for shared in ("fastapi", "uvicorn"):  # imported once; what is ktrdr's, each type imports by itself
            attempt(functools.partial(_import, shared))
        for kind, (worker, port) in {kind: _start(kind, writing) for kind in kinds}.items():
            answered = attempt(functools.partial(_answer, worker, port, patience))
            if not answered.get("error", "").endswith(NOTHING):  # which proves nothing on a busy machine
                _say(writing, kind, "start", answered)
            os.kill(worker, signal.SIGKILL)
    finally:
        os._exit(0)


def outcomes(begun):
    """Wait for the process; return what came of each type, as far as it got."""
    (child, reading, patience), data = begun, b""
    while left := patience.left():
        if not select.select([reading], [], [], left)[0]:
            continue  # there may be more time than there was
        block = os.read(reading, 1 << 16)
        if not block:
            break
        data += block
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = {}
    for kind, part, outcome in map(json.loads, data.rpartition(b"\n")[0].splitlines()):
        found.setdefault(kind, {})[part] = outcome
    return found


def _start(kind, writing):
    """Let a process of its own do the type's work, report it, and start as the worker; returns its id and its port."""
    port = _free_port()
    if child := os.fork():
        return child, port
    try:
        os.environ |= {"KTRDR_WORKER_TYPE": kind, "KTRDR_WORKER_PORT": str(port)}
        _say(writing, kind, "work", attempt(lambda: WORK[kind](Backend()) and {}))
        runpy.run_module("ktrdr.worker", run_name="__main__", alter_sys=True)
    finally:
        os._exit(1)


def _import(name):
    importlib.import_module(name)


def _say(writing, *line):
    os.write(writing, json.dumps(line).encode() + b"\n")


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _answer(child, port, patience):
    """Ask a worker for its health until it answers 200; return the type that it says it is."""
    said = ""
    while patience.left():
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            raise RuntimeError("it ended before it answered")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            answer = connection.getresponse()
            body = answer.read(10_000).decode("utf-8", "replace")
            if answer.status == http.client.OK:
                return {"names": [str(json.loads(body).get("worker_type"))]}
            said = f"{answer.status} {body[:200]}"
        time.sleep(PAUSE)
    raise TimeoutError(f"no healthy answer: {said or NOTHING}")
