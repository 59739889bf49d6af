"""A real engine and stand-ins for registries: one that gives and refuses, one that is not there, one that is mute."""

import contextlib
import hashlib
import http.server
import io
import json
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from deploy.base import image, renew_pins
from deploy.base.pins import Pins, read_pins, text_of
from deploy.engine import connection
from deploy.errors import Exit, Problem
from tests.support.checkout import PROJECT, read_contract

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def image_blobs() -> tuple[bytes, dict[str, bytes]]:
    """Return an image's manifest, and its blobs by digest: one layer with one empty directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("./etc")
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    layer = buffer.getvalue()

    def digest(data: bytes) -> str:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    root = {"type": "layers", "diff_ids": [digest(layer)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": root}).encode()
    kind = "application/vnd.oci.image."
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": f"{kind}config.v1+json", "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": f"{kind}layer.v1.tar", "digest": digest(layer), "size": len(layer)}],
    }
    return json.dumps(document).encode(), {digest(config): config, digest(layer): layer}


class Registry(http.server.BaseHTTPRequestHandler):
    """Holds library/python:3.11-slim-bookworm and nothing else."""

    manifest, blobs = image_blobs()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        digest = f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"
        last = self.path.rpartition("/")[2]
        if self.path == "/v2/":
            self.answer(200, b"{}", "application/json")
        elif "/library/python/" in self.path and last in {"3.11-slim-bookworm", digest}:
            self.answer(200, self.manifest, MANIFEST, digest)
        elif last in self.blobs:
            self.answer(200, self.blobs[last], "application/octet-stream", last)
        else:
            self.answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}', "application/json")

    def answer(self, status: int, body: bytes, kind: str, digest: str = "") -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), "Docker-Content-Digest": digest}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def found() -> connection.Engine:
    try:
        return connection.find_engine()
    except Problem as problem:
        pytest.skip(str(problem))


@pytest.fixture
def client(found: connection.Engine) -> Iterator[docker.DockerClient]:
    if not found.endpoint.startswith("unix://"):
        pytest.skip("the engine is on another machine and does not see this one's registries")
    with contextlib.closing(connection.sdk(found, 10.0)) as opened:
        yield opened


def test_a_given_image_is_pulled_from_its_registry(
    found: connection.Engine, client: docker.DockerClient, registry: str
) -> None:
    reference = f"{registry}/library/python:3.11-slim-bookworm"
    try:
        pulled = image.ensure_base(found, "3.11", reference, PROJECT.pins, print, platform=PROJECT.contract.platform)
        again = image.ensure_base(found, "3.11", reference, PROJECT.pins, print, platform=PROJECT.contract.platform)
    finally:
        client.images.remove(reference)
    assert (pulled.reference, pulled.origin, pulled.note) == (reference, "given", "pulled")
    assert (again.config, again.note) == (pulled.config, "the engine had it")
    assert len(pulled.config.layers) == 1


def test_a_registry_that_has_no_such_image_is_a_problem(client: docker.DockerClient, registry: str) -> None:
    with pytest.raises(Problem, match=r"the registry answers: .*unknown"):
        image.pull(client, f"{registry}/library/python:3.99", PROJECT.contract.platform, print)


def test_where_nothing_listens_no_registry_answers(client: docker.DockerClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(image.NoRegistryError, match="connection refused"):
        image.pull(client, f"127.0.0.1:{port}/python:3.11", PROJECT.contract.platform, print)


def test_a_registry_that_accepts_and_says_nothing_does_not_answer(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "SILENCE_SECONDS", 1.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        started = time.monotonic()
        with pytest.raises(image.NoRegistryError):
            image.pull(client, f"127.0.0.1:{mute.getsockname()[1]}/python:3.11", PROJECT.contract.platform, print)
        assert time.monotonic() - started < 3


def test_an_image_is_pulled_by_its_pinned_digest_and_found_by_it_again(
    client: docker.DockerClient, registry: str
) -> None:
    tag = f"{registry}/library/python:3.11-slim-bookworm"
    digest = client.images.get_registry_data(tag).id
    reference = Pins(images={tag: digest}, wheels={}, packages={}).image(tag)
    try:
        pulled = image.pull(client, reference, PROJECT.contract.platform, print)
        assert client.images.get(reference).attrs["RepoDigests"] == [f"{registry}/library/python@{digest}"]
    finally:
        client.images.remove(reference)
    assert len(pulled.layers) == 1


def test_a_pin_is_renewed_from_the_registry_and_one_that_does_not_answer_keeps_its_pin(
    found: connection.Engine, registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tag, gone = f"{registry}/library/python:3.11-slim-bookworm", "127.0.0.1:9/uv:1"
    old = "sha256:" + "1" * 64
    pins = tmp_path / "pins.toml"
    pins.write_text(text_of(Pins(images={tag: old, gone: old}, wheels={}, packages={})), encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(f"FROM {gone} AS uv\nFROM {tag}@{old}\n", encoding="utf-8")
    monkeypatch.setattr(renew_pins, "references", lambda _python, _lock: (tag, gone))
    known = read_contract()
    dev = known.images["dev"].model_copy(update={"dockerfile": "Dockerfile"})
    said: list[str] = []
    contract = known.model_copy(update={"images": {"dev": dev}})
    project = replace(PROJECT, file=tmp_path / "images.toml", root=tmp_path, contract=contract)
    code = renew_pins.renew(project, found, said.append)
    new = f"sha256:{hashlib.sha256(Registry.manifest).hexdigest()}"
    assert code == Exit.UNAVAILABLE
    assert read_pins(pins).images == {tag: new, gone: old}
    assert (tmp_path / "Dockerfile").read_text() == f"FROM {gone}@{old} AS uv\nFROM {tag}@{new}\n"
    assert f"{tag}: {old} -> {new}" in said
    assert any(line.startswith(f"{gone}: no registry gave its digest") for line in said)
