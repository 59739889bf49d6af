"""Runs the image's HEALTHCHECK where nobody serves, and against a stand-in that answers well, badly, and never."""

import contextlib
import glob
import os
import signal
import socket
import subprocess
import threading
import urllib.parse

from verify.probes.patience import Patience
from verify.probes.report import given

SECONDS = 10.0  # for one run; the engine counts one that is not done in its time as failed
KEPT = 2000  # characters of what it prints
# The second has the word, for whoever only looks for that, but no `status` of its own
OK, NO_STATUS = '{"status": "ok"}', '{"state": {"status": "ok"}}'
# What is answered to a request for the server's health, and to any other: status and body, None hangs up. A HEALTHCHECK
# that asks elsewhere is told the opposite there. A 302 that leads nowhere (no Location) is below 400 and below 500.
ANSWERS = {
    "failure": ((500, OK), (200, OK)),
    "unready": ((503, OK), (200, OK)),
    "moved": ((302, OK), (200, OK)),
    "missing": ((404, OK), (200, OK)),
    "stateless": ((200, NO_STATUS), (200, OK)),
    "good": ((200, OK), (500, NO_STATUS)),
    "gone": (None, (200, OK)),  # last: a server that answered well before hangs up
}


class StandIn:
    """Stands in for the server, on its port, one connection after the other.

    While it has no answers, and to whoever belongs to the session ``left``, it is a server that takes connections and
    never answers, as one that was stopped does: waiting for that takes seconds, in which the others are answered.
    """

    def __init__(self, address):
        parts = urllib.parse.urlsplit(address)
        self.health, self.answers, self.asked = parts.path, None, 0
        self.port, self.left, self.waiting = parts.port or 80, None, []
        self.socket = socket.create_server(("0.0.0.0", self.port))  # noqa: S104 - as servers in containers do
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """Answer whoever comes; one who is gone in the meantime, or never says what for, is let go."""
        while True:
            connection, (_, port) = self.socket.accept()
            if self.answers is None or holds(self.left, port, self.port):
                self.waiting.append(connection)
                continue
            connection.settimeout(SECONDS)
            try:
                with connection:
                    self.answer(connection)
            except OSError:
                continue

    def answer(self, connection):
        """Answer one request (RFC 9112), or hang up."""
        request = b""
        while b"\r\n\r\n" not in request and (block := connection.recv(8192)):
            request += block
        method, _, rest = request.decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        chosen = self.answers[0 if path == self.health else 1]
        self.asked += 1
        if chosen is not None:
            status, body = chosen
            head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n{'' if method == 'HEAD' else body}".encode())


def holds(session, port, at):
    """Tell whether a process of this session has the connection from this port to the one ``at`` (proc(5), net/tcp)."""
    ends, sockets = [f"{port:04X}", f"{at:04X}"], set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{name}", encoding="ascii") as table:
            rows = [line.split() for line in table]
            sockets |= {f"socket:[{row[9]}]" for row in rows if [end.rpartition(":")[2] for end in row[1:3]] == ends}
    for process in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):  # it ended in the meantime
            if os.getsid(int(os.path.basename(process))) == session:
                for file in glob.glob(f"{process}/fd/*"):
                    with contextlib.suppress(OSError):
                        if os.readlink(file) in sockets:
                            return True
    return False


def start(command):
    """Start the HEALTHCHECK, in a session of its own."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def end(process, seconds=SECONDS):
    """Wait for a HEALTHCHECK, and end whatever is left of it; returns what became of it."""
    patience, printed = Patience(seconds, process.pid), None
    with process:
        try:
            while printed is None:
                if not (left := patience.left()):
                    return {"outcome": "timed out"}
                with contextlib.suppress(subprocess.TimeoutExpired):  # there may be more time than there was
                    printed, _ = process.communicate(timeout=left)
        finally:
            with contextlib.suppress(OSError):  # nobody is left
                os.killpg(process.pid, signal.SIGKILL)
    printed = printed[: 4 * KEPT].decode("utf-8", "replace")[:KEPT]
    return {"outcome": "ended", "exit_code": process.returncode, "printed": printed}


def ask(tell, command, address, seconds):
    """Run the HEALTHCHECK at every answer of a stand-in; meanwhile one waits, for so long, for what never answers."""
    stand_in, hung = StandIn(address), {}
    left = start(command)
    stand_in.left = left.pid
    waiting = threading.Thread(target=lambda: hung.update(end(left, seconds)))
    waiting.start()
    for name, answers in ANSWERS.items():
        stand_in.answers, stand_in.asked = answers, 0
        tell(**{name: {**end(start(command)), "asked": stand_in.asked}})
    stand_in.answers = None
    waiting.join()
    tell(hung={**hung, "asked": len(stand_in.waiting)})


argument, tell = given()
try:
    tell(nobody=end(start(argument["command"])))
except OSError as error:
    tell(nobody={"outcome": "not started", "error": str(error)})
else:
    ask(tell, **argument)
