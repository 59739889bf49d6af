"""A real engine and real registries: without TLS and with it, with passwords, tokens, read-only, damaged, mute."""

import base64
import contextlib
import io
import json
import socket
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from bench.registry import registry, unpacked
from deploy.artifacts import BILL, BUILD, IDENTITY, Artifacts, write_model
from deploy.contract import Contract
from deploy.engine import connection
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.publish import send
from deploy.publish.examined import Examined, Expected, examine
from deploy.publish.publish import Place, Signing, publish
from deploy.publish.published import read
from deploy.publish.reference import Reference
from tests.support.certificates import certificate
from tests.support.checkout import project_with, read_contract
from tests.support.publishing import VERIFIER, expected, record
from tests.support.registries import NAME, PASSWORD
from tests.support.summaries import finding, save, verdict
from tests.support.tokens import settings, token_service

ROLE = "backend"
KNOWN = "$2b$05$vy6y0L3ag2V4n57lDT.dPOK.Te0HAG8YtvhvG164eKRqXr6sUyZ5O"  # PASSWORD by bcrypt, as htpasswd writes it
READ_ONLY = ", maintenance: {readonly: {enabled: true}}"


@dataclass(frozen=True)
class Tiny:
    """An image of one file, with the records of a verification, on a real engine."""

    engine: Engine
    client: docker.DockerClient
    name: str
    artifacts: Artifacts
    contract: Contract

    def import_image(self, content: bytes) -> ImageConfig:
        """Let the tag name an image with this content."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo("file")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        repository, _, tag = self.name.partition(":")
        self.client.api.import_image_from_data(buffer.getvalue(), repository=repository, tag=tag)
        return ImageConfig.from_inspect(self.client.api.inspect_image(self.name))

    def verify(self) -> None:
        """Write the records of a verification of what the tag names now."""
        of = ImageConfig.from_inspect(self.client.api.inspect_image(self.name)).identity
        judged = verdict(ROLE, finding("PASS"), tag=self.name)
        save(self.artifacts.root, judged.model_copy(update={"identity": of, "contract": self.contract.digest}))
        write_model(self.artifacts.path(ROLE, BUILD), record(ROLE, self.name, of))
        bill = {"metadata": {"properties": [{"name": IDENTITY, "value": of}]}}
        self.artifacts.path(ROLE, BILL).write_text(json.dumps(bill), encoding="utf-8")

    def publish(self, host: str) -> None:
        by = Signing(None, VERIFIER)
        publish(project_with(self.artifacts, self.contract), [ROLE], Place(host), by, engine=self.engine, say=print)

    def examine(self, host: str, due: Expected | None = None) -> Examined:
        return examine(read(Place(host).repository(self.contract.images[ROLE])), due or expected())


@pytest.fixture(scope="module")
def found() -> Engine:
    try:
        engine = connection.find_engine()
    except Problem as problem:
        pytest.skip(str(problem))
    if not engine.endpoint.startswith("unix://"):
        pytest.skip("the engine is on another machine and does not see this one's registries")
    return engine


@pytest.fixture
def tiny(found: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))  # nobody has logged in anywhere
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    repository = f"ktrdr-try-{uuid.uuid4().hex[:8]}"
    known = read_contract()
    image = known.images[ROLE].model_copy(update={"name": f"{repository}:prod"})
    contract = known.model_copy(update={"images": {**known.images, ROLE: image}})
    with contextlib.closing(connection.sdk(found, 60.0)) as client:
        made = Tiny(found, client, image.name, Artifacts(tmp_path / "artifacts"), contract)
        made.import_image(b"one")
        made.verify()
        yield made
        for left in {name for pattern in ("", "*/") for name in _images(client, pattern + repository)}:
            client.images.remove(left, force=True)


def _images(client: docker.DockerClient, pattern: str) -> list[str]:
    return [str(image.id) for image in client.images.list(filters={"reference": pattern})]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's registry, unpacked once."""
    try:
        return unpacked(tmp_path_factory.mktemp("program"))
    except Problem as problem:
        pytest.skip(f"no registry here: {problem}")


def log_in(directory: Path, host: str, password: str = PASSWORD) -> None:
    known = base64.b64encode(f"{NAME}:{password}".encode()).decode()
    (directory / "docker").mkdir(exist_ok=True)
    document = {"auths": {host: {"auth": known}}}
    (directory / "docker" / "config.json").write_text(json.dumps(document), encoding="utf-8")


def test_without_tls_an_image_is_published_and_its_layers_once(tiny: Tiny, program: Path, tmp_path: Path) -> None:
    with registry(tmp_path, program=program) as held:
        tiny.publish(held.address)
        size = held.held_bytes()
        tiny.publish(held.address)
        assert held.held_bytes() == size
        assert tiny.examine(held.address).outcome == "PASS"


def test_a_tag_that_moves_between_verification_and_publishing_is_refused(
    tiny: Tiny, program: Path, tmp_path: Path
) -> None:
    other = tiny.import_image(b"two")
    with registry(tmp_path, program=program) as held:
        with pytest.raises(Problem, match=f"is {other.identity} now") as told:
            tiny.publish(held.address)
        assert told.value.code == Exit.FAILED
        assert held.held_bytes() == 0


def test_what_is_pulled_by_its_digest_is_what_was_verified(tiny: Tiny, program: Path, tmp_path: Path) -> None:
    with registry(tmp_path, program=program) as held:
        tiny.publish(held.address)
        published = tiny.examine(held.address).published
        tiny.client.images.remove(tiny.name, force=True)
        reference = Place(held.address).reference(tiny.contract.images[ROLE])
        assert send.pull(tiny.engine, reference, published.digest, print).identity == published.identity


def test_a_changed_byte_in_the_registry_s_own_files_is_refused(tiny: Tiny, program: Path, tmp_path: Path) -> None:
    with registry(tmp_path, program=program) as held:
        tiny.publish(held.address)
        (envelope,) = [
            path
            for path in held.root.rglob("blobs/sha256/*/*/data")
            if b'"predicateType":"https://slsa.dev' in path.read_bytes()
        ]
        envelope.write_bytes(envelope.read_bytes().replace(b"PASSED", b"PASSED".lower()))
        with pytest.raises(Problem, match="has another digest"):
            tiny.examine(held.address)


def test_with_tls_of_its_own_authority_the_authority_has_to_be_named(
    tiny: Tiny, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, chain = certificate(tmp_path)
    tls = f", tls: {{certificate: {chain}, key: {chain}}}"
    with registry(tmp_path, program=program, http=tls, authority=authority) as held:
        with pytest.raises(Problem, match="its certificate is not trusted"):
            tiny.publish(held.address)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        tiny.publish(held.address)
        assert tiny.examine(held.address).outcome == "PASS"


def test_with_passwords_only_who_has_logged_in_may_publish(tiny: Tiny, program: Path, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"{NAME}:{KNOWN}\n", encoding="utf-8")
    more = f"auth: {{htpasswd: {{realm: own, path: {tmp_path / 'users'}}}}}\n"
    with registry(tmp_path, program=program, more=more) as held:
        with pytest.raises(Problem, match="it refuses this user") as told:
            tiny.publish(held.address)
        assert told.value.next_step == f"run `docker login {held.address}` as a user who may do this"
        log_in(tmp_path, held.address, "wr0ng-and-never-shown")
        with pytest.raises(Problem, match="it refuses this user") as told:
            tiny.publish(held.address)
        assert "wr0ng" not in str(told.value)
        log_in(tmp_path, held.address)
        tiny.publish(held.address)
        assert tiny.examine(held.address).outcome == "PASS"


def test_with_tokens_only_who_is_given_one_that_allows_it_may_publish(
    tiny: Tiny, program: Path, tmp_path: Path
) -> None:
    authority, chain = certificate(tmp_path)
    with token_service(chain) as tokens, registry(tmp_path, program=program, more=settings(tokens, authority)) as held:
        with pytest.raises(Problem, match="it refuses this user"):
            tiny.publish(held.address)
        log_in(tmp_path, held.address)
        tokens.actions = ("pull",)
        with pytest.raises(Problem, match="it refuses this user") as told:
            tiny.publish(held.address)
        assert not [token for token in tokens.given if token in str(told.value)]
        tokens.actions = ("pull", "push")
        tiny.publish(held.address)
        assert tiny.examine(held.address).outcome == "PASS"


def test_a_registry_that_is_read_only_is_told_before_anything_is_sent(
    tiny: Tiny, program: Path, tmp_path: Path
) -> None:
    with (
        registry(tmp_path, program=program, storage=READ_ONLY) as held,
        pytest.raises(Problem, match="it is read-only") as told,
    ):
        tiny.publish(held.address)
    assert told.value.code == Exit.UNAVAILABLE


def test_a_registry_that_falls_silent_while_the_engine_pushes_is_left_within_its_deadline(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "SILENCE_SECONDS", 2.0)
    image = tiny.client.api.inspect_image(tiny.name)["Id"]
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        reference = Reference.read(f"127.0.0.1:{mute.getsockname()[1]}/{tiny.name}")
        with pytest.raises(Problem, match="no news for 2 s: the registry hangs, or the engine"):
            send.push(tiny.engine, image, reference, print)
    assert not tiny.client.images.list(reference.repository)
