"""Runs the image's HEALTHCHECK where nobody serves, and against a stand-in that answers well and badly."""

import json
import os
import socket
import subprocess
import threading
import urllib.parse

SECONDS = 10.0  # for one run; the engine counts one that is not done in its time as failed
KEPT = 2000  # characters of what it prints
OK, NO_STATUS = '{"status": "ok"}', '{"state": "ok"}'
# What is answered to a request for the server's health, and to any other: status and body, None hangs up. A HEALTHCHECK
# that asks elsewhere is told the opposite there.
ANSWERS = {
    "failure": ((500, OK), (200, OK)),
    "unready": ((503, OK), (200, OK)),
    "stateless": ((200, NO_STATUS), (200, OK)),
    "good": ((200, OK), (500, NO_STATUS)),
    "gone": (None, (200, OK)),  # last: a server that answered well before hangs up
}


class StandIn:
    """Stands in for the server, on its port, one connection after the other."""

    def __init__(self, address):
        parts = urllib.parse.urlsplit(address)
        self.health, self.answers, self.asked = parts.path, (None, None), 0
        self.socket = socket.create_server(("0.0.0.0", parts.port or 80))  # noqa: S104 - as servers in containers do
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """Answer whoever comes; one who is gone in the meantime, or never says what for, is let go."""
        while True:
            connection, _ = self.socket.accept()
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


def run(command):
    """Run the HEALTHCHECK once; returns what became of it."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"outcome": "timed out"}
    except OSError as error:
        return {"outcome": "not started", "error": str(error)}
    printed = done.stdout[: 4 * KEPT].decode("utf-8", "replace")[:KEPT]
    return {"outcome": "ended", "exit_code": done.returncode, "printed": printed}


where, argument = int(os.environ.pop("KTRDR_PROBE_FD")), json.loads(os.environ.pop("KTRDR_PROBE_ARGUMENT"))
document = {"nobody": run(argument["command"])}
if document["nobody"]["outcome"] != "not started":
    stand_in = StandIn(argument["address"])
    for name, answers in ANSWERS.items():
        stand_in.answers, stand_in.asked = answers, 0
        document[name] = run(argument["command"])
        document[name]["asked"] = stand_in.asked
os.write(where, json.dumps(document).encode())
