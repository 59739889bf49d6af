"""Asks a server on this machine; prints its answer, its routes, where it listens, and what is in memory, as JSON."""

import glob
import http.client
import json
import os
import re
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request

METHODS = ("get", "post", "put", "patch", "delete")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address, at_most):
    """Return the status, 0 for no answer at all, and the beginning of the body."""
    try:
        with opener.open(address, timeout=30) as response:
            return response.status, response.read(at_most).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(at_most).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return 0, f"{type(error).__name__}: {error}"


def routes():
    """Return the methods and paths of the OpenAPI document that the server publishes."""
    _, body = ask(urllib.parse.urljoin(sys.argv[1], "/openapi.json"), 4_000_000)
    try:
        paths = json.loads(body)["paths"]
        return sorted([method.upper(), path] for path, one in paths.items() for method in one if method in METHODS)
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def listens(port):
    """Return the addresses at which somebody listens on a TCP port (proc(5), /proc/net/tcp: state 0A is LISTEN)."""
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
        except OSError:
            continue  # a kernel without that family
        for local in (row[1] for row in rows if row[3] == "0A"):
            digits, _, number = local.partition(":")
            if int(number, 16) == port:
                words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return sorted(found)


status, text = ask(sys.argv[1], 4000)
processes, unreadable, names = 0, 0, set()
for file in glob.glob("/proc/[0-9]*/maps"):
    if file != f"/proc/{os.getpid()}/maps":
        try:
            with open(file, encoding="utf-8", errors="replace") as maps:
                libraries = re.findall(r" (/.+?\.so[.\d]*)(?: \(deleted\))?$", maps.read(), re.MULTILINE)
        except PermissionError:
            unreadable += 1
            continue
        except OSError:
            continue  # it ended in the meantime
        processes += bool(libraries)
        names |= {part for path in libraries for part in path.split("/")[1:-1]}
        names |= {"torch" for path in libraries if re.search(r"/lib(torch|c10)[^/]*$", path)}
answer = {"status": status, "body": text, "routes": routes(), "processes": processes, "unreadable": unreadable}
answer["listens"] = listens(urllib.parse.urlsplit(sys.argv[1]).port or 80)
print(json.dumps({**answer, "packages": sorted(names)}))
