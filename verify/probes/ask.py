"""Asks a server on this machine; prints its answers, routes, where it listens, and what its processes have loaded.

Started as ``python -c SOURCE ADDRESS [OPTIONS]``: the address of its health, and in JSON how many seconds it rests,
where it may write, and where verify/probes/watch.py left its notes.
"""

import contextlib
import functools
import glob
import http.client
import json
import mmap
import os
import re
import socket
import sys
import time
import urllib.parse

from verify.probes.at_once import at_once
from verify.probes.calls import BODY_AT_MOST, METHODS, UNKNOWN, calls_of, digest
from verify.probes.rest import held, processes, rest

ASKING_SECONDS = 40.0  # for all operations together
ANSWER_SECONDS = 30.0  # for the head of one answer
BODY_SECONDS = 5.0  # for its body
NOTES_AT_MOST = 1_000_000  # bytes
BEGINNING_SECONDS = 5.0  # within which a process is executed that is only just started
# A Python by what it has in memory, whatever started it: its program, its library, its modules; or a program that holds
# one under another name (Python/C API: what every `python` begins with)
PYTHON = re.compile(r"/(?:lib)?python[^/]*$|/python3\.\d+/lib-dynload/")
BEGINNING = b"Py_BytesMain"
EMULATOR = re.compile(r"/(?:qemu-\w+(?:-static)?|rosetta)$")


def ask(address, at_most, method="GET", body=None, more=None):
    """Return the status, 0 for no answer at all, content type, and the beginning of the body; follow no redirection."""
    where = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=ANSWER_SECONDS)
    try:
        connection.connect()
        connection.request(
            method,
            where._replace(scheme="", netloc="").geturl(),
            body,
            {"Content-Type": "application/json", **(more or {})},
        )
        wire = connection.sock
        with connection.getresponse() as response:
            return response.status, response.headers.get("Content-Type", ""), read(response, wire, at_most)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, "", f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def read(response, wire, at_most):
    """Return the beginning of a body as text: as much of it as comes within BODY_SECONDS, since it may never end."""
    body, end = b"", time.monotonic() + BODY_SECONDS
    with contextlib.suppress(TimeoutError):
        while len(body) < at_most and (left := end - time.monotonic()) > 0:
            wire.settimeout(left)
            part = response.read1(at_most - len(body))
            if not part:
                break
            body += part
    return body.decode("utf-8", "replace")


def published(place="/openapi.json"):
    """Return the OpenAPI document that the server publishes there, an empty one where it is none, and its routes."""
    try:
        document = json.loads(ask(urllib.parse.urljoin(sys.argv[1], place), 4_000_000)[2])
        paths = document["paths"].items()
        routes = sorted([name.upper(), path] for path, one in paths for name in one if name in METHODS)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, []
    return document, routes


def answers(document):
    """Return the digest of the answer to one request of every kind, as the application probe makes them.

    With it, the method and path of each that there was no time for.
    """
    found, unasked, end = {}, [], time.monotonic() + ASKING_SECONDS
    try:
        for method, path, headers, body in (*calls_of(document), *((*unknown, {}, None) for unknown in UNKNOWN)):
            if time.monotonic() < end:
                address = urllib.parse.urljoin(sys.argv[1], path)
                found[f"{method} {path}"] = digest(*ask(address, BODY_AT_MOST, method, body, headers))
            else:
                unasked.append(f"{method} {path}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, []  # a document that no application writes
    return found, unasked


def rows(name):
    """Return the rows of one of the kernel's tables of sockets; none where the kernel is without that family."""
    try:
        with open(f"/proc/net/{name}", encoding="ascii") as table:
            return [line.split() for line in table][1:]
    except OSError:
        return []


def datagrams():
    """Return at which UDP ports somebody takes what anyone sends: bound, and connected to nobody (state 07)."""
    every = [row for name in ("udp", "udp6") for row in rows(name) if row[3] == "07"]
    return sorted({int(row[1].rpartition(":")[2], 16) for row in every})


def listens(port):
    """Return at which addresses, and by which sockets, somebody listens on a TCP port; and all ports that are so.

    proc(5), /proc/net/tcp: state 0A is LISTEN.
    """
    found, sockets, ports = set(), set(), set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for local, inode in ((row[1], row[9]) for row in rows(name) if row[3] == "0A"):
            digits, _, number = local.partition(":")
            ports.add(int(number, 16))
            if int(number, 16) == port:
                sockets.add(f"socket:[{inode}]")
                words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return sorted(found), sockets, sorted(ports)


class Process:
    """What the kernel says of a process; what it does not say is empty."""

    def __init__(self, number):
        self.number = number
        self.words = self.read("cmdline").decode("utf-8", "backslashreplace").split("\0")[:-1]
        self.environ = self.read("environ").split(b"\0")
        self.program = self.link("exe")

    def read(self, name):
        """Return a file of the process."""
        try:
            with open(f"/proc/{self.number}/{name}", "rb") as file:
                return file.read()
        except OSError:
            return b""

    def link(self, name):
        """Return where a link of the process leads."""
        try:
            return os.readlink(f"/proc/{self.number}/{name}")
        except OSError:
            return ""

    def has(self, sockets):
        """Tell whether it holds one of these sockets."""
        return any(
            self.link(f"fd/{os.path.basename(one)}") in sockets for one in glob.glob(f"/proc/{self.number}/fd/*")
        )

    def is_python(self):
        """Tell whether it runs Python: as itself, by way of the loader, in another program, or under another name."""
        maps = self.read("maps").decode("utf-8", "replace")
        mapped = re.findall(r"^\S+ (\S+) .*? (/.+?)(?: \(deleted\))?$", maps, re.MULTILINE)
        if any(PYTHON.search(file) for file in (self.program, *(file for _, file in mapped))):
            return True
        removed = [f"/proc/{self.number}/exe"] * self.program.endswith(" (deleted)")
        return any(begins_python(file) for file in {*removed, *(file for rights, file in mapped if "x" in rights)})

    def is_watched(self, directory, noted):
        """Tell whether it was started where the watch is found, and that itself, or whom it is a fork of, noted so.

        Under an emulator (binfmt_misc) others see the emulator and the program before the words that itself sees.
        """
        seen = [self.words[before:] for before in ((1, 2) if EMULATOR.search(self.program) else (0,))]
        return f"PYTHONPATH={directory}".encode() in self.environ and any(words in noted for words in seen)


@functools.cache
def begins_python(file):
    """Tell whether a program or library has what every Python begins with."""
    try:
        with open(file, "rb") as program, mmap.mmap(program.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(BEGINNING) >= 0
    except (OSError, ValueError):
        return False  # gone, not for this user, or empty


def unwatched(directory, noted, sockets):
    """Return the command lines of processes that nobody listens in: any Python, and whatever holds the port."""
    every = [Process(int(os.path.basename(one))) for one in glob.glob("/proc/[0-9]*")]
    others = [one for one in every if one.number != os.getpid()]
    due = [one for one in others if one.is_python() or one.has(sockets)]
    return [" ".join(one.words)[:300] for one in due if not one.is_watched(directory, noted)]


def notes(directory):
    """Return what was noted: the command lines of watched processes, and attempts."""
    noted, attempts = [], []
    for name in glob.glob(f"{directory}/notes/*"):
        with open(name, encoding="utf-8", errors="replace") as file:
            for line in file.read(NOTES_AT_MOST).splitlines():
                with contextlib.suppress(ValueError):  # cut off
                    one = json.loads(line)
                    where, value = (noted, one["process"]) if "process" in one else (attempts, one)
                    where += [value] * (value not in where)
    return noted, attempts


def watched(directory, sockets):
    """Return what was noted of heavy packages, and who is unwatched: asked twice, as some have only just begun."""
    left = unwatched(directory, notes(directory)[0], sockets)
    if left:
        time.sleep(0.5)
        left = [one for one in unwatched(directory, notes(directory)[0], sockets) if one in left]
    noted, attempts = notes(directory)
    return {"watched": len(noted), "attempts": attempts, "unwatched": left[:10]}


def memory(everywhere="/proc/[0-9]*/maps"):
    """Return how many processes could be looked into, how many not, and the directories of their libraries.

    A command that an engine starts in the container, such as a health check, is closed to others until it is executed.
    """
    processes, names = 0, set()
    files, end = set(glob.glob(everywhere)) - {f"/proc/{os.getpid()}/maps"}, time.monotonic() + BEGINNING_SECONDS
    while files:
        closed = set()
        for file in files:
            try:
                with open(file, encoding="utf-8", errors="replace") as maps:
                    libraries = re.findall(r" (/.+?\.so[.\d]*)(?: \(deleted\))?$", maps.read(), re.MULTILINE)
            except PermissionError:
                closed.add(file)
                continue
            except OSError:
                continue  # it ended in the meantime
            processes += bool(libraries)
            names |= {part for path in libraries for part in path.split("/")[1:-1]}
            names |= {"torch" for path in libraries if re.search(r"/lib(torch|c10)[^/]*$", path)}
        files = closed
        if time.monotonic() > end:
            break
        time.sleep(0.05 * bool(files))
    return {"processes": processes, "unreadable": len(files), "packages": sorted(names)}


def first_answer(seconds):
    """Ask the server for its health until anything answers, for so many seconds at most; return what came last."""
    end = time.monotonic() + seconds
    while not (answer := ask(sys.argv[1], 4000))[0] and time.monotonic() < end:
        time.sleep(0.2)
    return answer


def main():
    """Ask one thing after the other; what came of it in the server's processes is looked at last, after a rest."""
    options = json.loads(sys.argv[2]) if sys.argv[2:] else {}
    status, _, text = first_answer(options.get("wait", 0.0))
    document, routes = published(options.get("openapi", "/openapi.json"))
    report = {"status": status, "body": text, "routes": routes}
    report["answers"], report["unasked"] = answers(document) if document else ({}, [])
    if options:
        had = held(processes())
        calls = [*calls_of(document)] if report["answers"] else []
        report["at_once"] = at_once(sys.argv[1], report["answers"], calls, document)
        report["rest"] = rest(options["rest"], options["writable"], [options["watch"]], had)
    report |= memory()
    report["listens"], sockets, report["ports"] = listens(urllib.parse.urlsplit(sys.argv[1]).port or 80)
    report["datagrams"] = datagrams()
    if options.get("watch"):
        report |= watched(options["watch"], sockets)
    sys.stdout.reconfigure(encoding="ascii")  # whatever the image says of it
    print(json.dumps(report))


if __name__ == "__main__":
    main()
