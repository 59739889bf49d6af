"""Podman's service as an engine: what its answers lack or mean otherwise. A stand-in answers as Podman 5.4 does."""

import contextlib
import dataclasses
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import unquote, urlsplit

import docker
import docker.errors
import pytest

from deploy.engine import connection, podman
from deploy.engine.connection import Engine, Sighting, judge
from deploy.engine.endpoint import Endpoint
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from tests.support.archives import chunks, diff_id, directory, file, layer, symlink
from verify.contents.archive import read_layers

VERSION = {
    "Components": [{"Name": "Podman Engine", "Version": "5.4.2"}, {"Name": "Conmon", "Version": "2.1.12"}],
    "Version": "5.4.2",
    "ApiVersion": "1.41",
}
HEALTHCHECK = {"Test": ["CMD", "check"], "Interval": 10_000_000_000, "StartInterval": 600_000_000}
CONFIG = {"User": "10001", "Env": ["PATH=/bin"], "Cmd": ["serve"], "Healthcheck": HEALTHCHECK, "Shell": ["/bin/sh"]}
LAYERS = [layer(file("a", "1")), layer(directory("b"))]
BLOB = json.dumps(
    {"architecture": "amd64", "os": "linux", "config": CONFIG, "rootfs": {"diff_ids": [diff_id(one) for one in LAYERS]}}
).encode()
ID = hashlib.sha256(BLOB).hexdigest()
OLDER = "f" * 64


def inspected(image_id: str) -> dict[str, Any]:
    """What the service says of an image: HEALTHCHECK and SHELL are left out."""
    told = {key: value for key, value in CONFIG.items() if key not in ("Healthcheck", "Shell")}
    layers = [diff_id(one) for one in LAYERS]
    return {
        "Id": f"sha256:{image_id}", "Config": told, "RootFS": {"Type": "layers", "Layers": layers},
        "Os": "linux", "Architecture": "amd64", "GraphDriver": {"Name": "overlay", "Data": {}},
    }  # fmt: skip


def exported() -> bytes:
    """An image as the service exports it: layers by diff id, links in the older layout's directories, then the rest."""
    named = {diff_id(one).removeprefix("sha256:"): one for one in LAYERS}
    members = [file(f"{name}.tar", data) for name, data in named.items()]
    members += [symlink(f"{number:064x}/layer.tar", f"../{name}.tar") for number, name in enumerate(named)]
    return layer(*members, file(f"{ID}.json", BLOB), file("manifest.json", "[]"))


class Service(ThreadingUnixStreamServer):
    """A stand-in for Podman's service: images by name, one container, and what it was asked."""

    daemon_threads = True

    def __init__(self, socket: Path) -> None:
        super().__init__(str(socket), _Answers)
        self.asked: list[str] = []
        self.images = {f"localhost/{name}": ID for name in ("ktrdr-backend:prod",)}
        self.health = "starting"
        self.made: list[dict[str, Any]] = []
        self.running = True

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        if path.endswith("/containers/create"):
            self.made.append(json.loads(body))
            return 201, b'{"Id": "c1", "Warnings": []}'
        parts = path.split("/")
        if path.endswith("/version"):
            return 200, json.dumps(VERSION).encode()
        if path.endswith("/libpod/containers/c1/healthcheck"):
            self.health = "healthy"
            return (200, b"{}") if self.running else (409, b'{"message": "not running"}')
        if path.endswith("/containers/c1/json"):
            state = {"Running": self.running, "Health": {"Status": self.health}}
            return 200, json.dumps({"Id": "c1", "State": state}).encode()
        if path.endswith("/kill"):
            return (204, b"") if self.running else (409, b'{"message": "not running"}')
        if method == "DELETE":
            return 204, b""
        name = "/".join(parts[3:-1])
        found = name.removeprefix("sha256:") if name.startswith("sha256:") else self.images.get(name)
        if found is None:
            return 404, json.dumps({"message": f"failed to find image {name}: {name}: No such image"}).encode()
        return 200, exported() if path.endswith("/get") else json.dumps(inspected(found)).encode()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def _reply(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        code, body = self.server.answer(self.command, unquote(urlsplit(self.path).path), sent)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _reply  # noqa: N815 - the names that http.server calls

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("deploy.engine.podman.locks.folder", lambda: tmp_path / "cache")
    with Service(tmp_path / "s") as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def engine(service: Service) -> Engine:
    seen = Sighting(Endpoint(f"unix://{service.server_address}", "DOCKER_HOST"), version="5.4.2", podman=True, id="p")
    return judge(seen)


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(connection.sdk(engine, 10.0)) as one:
        yield one


def test_podman_is_known_by_its_component_and_docker_is_not_taken_for_it() -> None:
    assert podman.is_podman(VERSION)
    assert not podman.is_podman({"Components": [{"Name": "Engine"}], "Version": "28.5.2"})
    assert not podman.is_podman({"Components": None})


def test_two_answers_of_one_podman_have_the_same_identity_although_the_id_is_new() -> None:
    info = {"ID": "1", "Name": "vm", "DockerRootDir": "/var/lib/containers/storage"}
    assert podman.identity(info) == podman.identity(info | {"ID": "2"}) == "vm:/var/lib/containers/storage"
    assert podman.identity(info) != podman.identity(info | {"Name": "other"})


SEEN = Sighting(Endpoint("unix:///p", "DOCKER_HOST"), version="5.4.2", podman=True, id="vm:/root", cli_place="vm:/root")


def test_podman_5_is_usable_without_docker_s_command_and_buildx() -> None:
    found = judge(dataclasses.replace(SEEN, cli_place=""))
    assert (found.podman, found.version, found.id) == (True, "5.4.2", "vm:/root")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "4.9.3"}, "Podman at unix:///p is 4.9.3; 5 or later is needed"),
        ({"cli_place": "vm:/home"}, "the SDK sees Podman vm:/root"),
    ],
)
def test_an_older_podman_and_another_than_the_command_s_are_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Problem, match=said) as told:
        judge(dataclasses.replace(SEEN, **changes))
    assert told.value.code == Exit.UNAVAILABLE


def test_the_configuration_is_the_image_s_own_with_all_that_the_answer_leaves_out(client: docker.DockerClient) -> None:
    config = ImageConfig.from_inspect(client.api.inspect_image("ktrdr-backend:prod"))
    assert config.healthcheck_test == ("CMD", "check")
    assert config.healthcheck
    assert config.healthcheck.start_interval == 0.6
    assert config.shell == ("/bin/sh",)
    whole = inspected(ID) | {"Config": CONFIG}
    assert config.identity == ImageConfig.from_inspect(whole).identity, "the identity that Docker gives"
    assert config.identity != ImageConfig.from_inspect(inspected(ID)).identity


def test_an_image_is_exported_once_for_its_configuration(client: docker.DockerClient, service: Service) -> None:
    for _ in range(3):
        client.api.inspect_image("ktrdr-backend:prod")
    assert len([one for one in service.asked if one.endswith("/get")]) == 1


def test_a_kept_configuration_that_was_changed_is_not_believed(client: docker.DockerClient, tmp_path: Path) -> None:
    client.api.inspect_image("ktrdr-backend:prod")
    kept = tmp_path / "cache" / "configurations" / f"{ID}.json"
    kept.write_text(kept.read_text(encoding="utf-8").replace("10001", "0"), encoding="utf-8")
    assert client.api.inspect_image("ktrdr-backend:prod")["Config"] == CONFIG


def test_an_image_without_a_configuration_of_its_id_keeps_the_answer(
    client: docker.DockerClient, service: Service
) -> None:
    service.images["localhost/other:1"] = OLDER
    assert "Healthcheck" not in client.api.inspect_image("other:1")["Config"]


def test_a_name_that_two_images_have_is_refused_since_the_older_would_be_verified(
    client: docker.DockerClient, service: Service
) -> None:
    service.images["docker.io/library/ktrdr-backend:prod"] = OLDER
    with pytest.raises(Problem, match="two images have that name: localhost/ktrdr-backend:prod") as told:
        client.api.inspect_image("ktrdr-backend:prod")
    assert "podman untag the older one: podman images ktrdr-backend:prod" in told.value.next_step


def test_two_names_of_one_image_are_one_image(client: docker.DockerClient, service: Service) -> None:
    service.images["docker.io/library/ktrdr-backend:prod"] = ID
    assert client.api.inspect_image("ktrdr-backend:prod")["Id"] == f"sha256:{ID}"


def test_a_name_tagged_by_docker_s_command_is_found(client: docker.DockerClient, service: Service) -> None:
    service.images = {"docker.io/library/new:1": ID}
    assert client.api.inspect_image("new:1")["Id"] == f"sha256:{ID}"
    with pytest.raises(docker.errors.ImageNotFound):
        client.api.inspect_image("none:1")


def test_healthcheck_runs_whenever_a_starting_container_is_looked_at(
    client: docker.DockerClient, service: Service
) -> None:
    assert client.api.inspect_container("c1")["State"]["Health"]["Status"] == "healthy"
    client.api.inspect_container("c1")
    assert len([one for one in service.asked if one.endswith("/healthcheck")]) == 1


def test_the_healthcheck_of_a_container_that_has_just_ended_is_no_error(
    client: docker.DockerClient, service: Service
) -> None:
    service.running = False
    assert not client.api.inspect_container("c1")["State"]["Running"]
    assert not [one for one in service.asked if one.endswith("/healthcheck")]


def test_a_container_gets_its_image_s_healthcheck_unless_it_is_to_have_none(
    client: docker.DockerClient, service: Service
) -> None:
    client.api.create_container(f"sha256:{ID}")
    client.api.create_container(f"sha256:{ID}", healthcheck={"test": ["NONE"]})
    assert [made["Healthcheck"]["Test"] for made in service.made] == [["CMD", "check"], ["NONE"]]
    assert service.made[0]["Healthcheck"] == HEALTHCHECK


def test_a_container_is_killed_before_it_is_removed_by_force(client: docker.DockerClient, service: Service) -> None:
    client.api.remove_container("c1", v=True, force=True)
    assert [one.split()[0] + one[one.rindex("/") :] for one in service.asked[-2:]] == ["POST/kill", "DELETE/c1"]
    service.running = False
    client.api.remove_container("c1", force=True)
    client.api.remove_container("c1")
    assert [one.split()[0] for one in service.asked[-3:]] == ["POST", "DELETE", "DELETE"]


def test_layers_named_by_their_diff_ids_are_read_and_known_ones_skipped() -> None:
    every = {diff_id(one) for one in LAYERS}
    assert read_layers(chunks(exported())).keys() == every
    known = diff_id(LAYERS[0])
    assert read_layers(chunks(exported()), {known}).keys() == every - {known}


def test_a_configuration_with_another_digest_than_its_name_is_not_believed() -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo(f"{ID}.json")
        member.size = len(BLOB)
        tar.addfile(member, io.BytesIO(BLOB.replace(b"10001", b"00000")))
    assert podman.config_blob(chunks(data.getvalue()), ID) == b""
    assert podman.config_blob(chunks(exported(), 7), ID) == BLOB
