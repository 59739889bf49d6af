"""A stand-in for a registry: what it was given, whom it asks for a token, and whether it knows what refers to what."""

import base64
import contextlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from deploy.publish.registry import INDEX, MANIFEST, descriptor
from deploy.publish.statements import sha256

NAME, PASSWORD, TOKEN = "someone", "secret", "t0ken"


@dataclass
class Held:
    """What a registry holds: manifests by tag and digest, blobs by digest."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    asks_for: str = ""  # "Basic" or "Bearer"
    challenge: str = ""  # in place of that scheme's own
    knows_referrers: bool = False
    a_page: int = 0  # referrers; 0: all
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)  # method -> status and text
    hangs: str = ""  # "headers": no answer at all; "body": an answer that never ends
    address: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        """Its name, as an image's begins."""
        return self.address.removeprefix("http://")

    def take_manifest(self, tag: str, kind: str, document: dict[str, Any]) -> str:
        data = json.dumps(document).encode()
        self.manifests[tag] = self.manifests[sha256(data)] = (kind, data)
        return sha256(data)

    def take_image(self, tag: str, config: dict[str, Any]) -> str:
        data = json.dumps(config).encode()
        self.blobs[sha256(data)] = data
        manifest = {"schemaVersion": 2, "config": descriptor("application/vnd.oci.image.config.v1+json", data)}
        return self.take_manifest(tag, MANIFEST, {**manifest, "layers": []})

    def take_index(self, tag: str, *digests: str) -> str:
        parts = [{"mediaType": MANIFEST, "digest": one, "size": 1} for one in digests]
        return self.take_manifest(tag, INDEX, {"schemaVersion": 2, "manifests": parts})

    def document(self, tag: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.manifests[tag][1])
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    held: Held

    def do_GET(self) -> None:
        if self.path.startswith("/token?"):
            login = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
            known = self.headers.get("Authorization") == f"Basic {login}"
            return self.answer(200 if known else 403, json.dumps({"token": TOKEN}).encode())
        if self.stopped():
            return None
        if "/referrers/" in self.path and self.held.knows_referrers:
            return self.answer_referrers()
        kind, version = self.path.rpartition("/")[0].rpartition("/")[2], self.path.rpartition("/")[2]
        if kind == "manifests" and version in self.held.manifests:
            media_type, data = self.held.manifests[version]
            return self.answer(200, data, {"Content-Type": media_type})
        if kind == "blobs" and version in self.held.blobs:
            return self.answer(200, self.held.blobs[version])
        return self.answer(404, b'{"errors": [{"code": "UNKNOWN"}]}')

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if not self.stopped():
            self.answer(202, b"", {"Location": "/v2/some/name/blobs/uploads/1"})

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.stopped():
            return None
        if match := re.search(r"/uploads/1\?digest=(.*)$", self.path):
            self.held.blobs[match[1].replace("%3A", ":")] = data
            return self.answer(201)
        self.held.take_manifest(self.path.rpartition("/")[2], self.headers["Content-Type"], json.loads(data))
        subject = json.loads(data).get("subject", {}).get("digest")
        return self.answer(201, headers={"OCI-Subject": subject} if subject and self.held.knows_referrers else {})

    def answer_referrers(self) -> None:
        """Everything that names the image in the path as its subject, as an index, or as a page of one with a link."""
        place, _, begin = self.path.partition("?from=")
        subject, listed = place.rpartition("/")[2], []
        for version, (kind, data) in self.held.manifests.items():
            document = json.loads(data)
            if version.startswith("sha256:") and document.get("subject", {}).get("digest") == subject:
                listed.append(descriptor(kind, data, artifactType=document["artifactType"]))
        first, count = int(begin or 0), self.held.a_page or len(listed)
        more = {"Link": f'<{place}?from={first + count}>; rel="next"'} if first + count < len(listed) else {}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed[first : first + count]}
        self.answer(200, json.dumps(index).encode(), {"Content-Type": INDEX, **more})

    def stopped(self) -> bool:
        """Ask who it is, where that is asked and not told; refuse, or hang, where that is set."""
        self.held.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        if self.held.hangs == "body":
            self.send_response(200)
            self.end_headers()
            while not self.held.ended.wait(0.05):
                self.wfile.write(b" ")
        if self.held.hangs:
            self.held.ended.wait(30)
            return True
        if self.command in self.held.refuses:
            status, text = self.held.refuses[self.command]
            self.answer(status, text.encode())
            return True
        login = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        expected = {"Basic": f"Basic {login}", "Bearer": f"Bearer {TOKEN}"}.get(self.held.asks_for)
        if not expected or self.headers.get("Authorization") == expected:
            return False
        place = f'realm="{self.held.address}/token",service="stand-in",scope="repository:some/name:pull,push"'
        challenge = self.held.challenge or f"{self.held.asks_for} {place}"
        self.answer(401, b"who are you?", {"WWW-Authenticate": challenge})
        return True

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing."""


@contextlib.contextmanager
def stand_in() -> Iterator[Held]:
    """Serve an empty registry at an address of this machine."""
    held = Held()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"held": held})) as server:
        held.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield held
        held.ended.set()
        server.shutdown()
