"""A bill of materials lies beside the image that it is of, and beside no other, in registries of either kind."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.artifacts import BILL, IDENTITY, Artifacts
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.publish.attach import KIND, attach
from deploy.publish.registry import INDEX, MANIFEST, Reference, Repository, digest_of
from tests.support.registries import NAME, PASSWORD, TOKEN, Held, stand_in

CONFIG: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"User": "10001", "Env": ["A=b"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
}
OWN = ImageConfig.from_inspect(
    {"Config": CONFIG["config"], "RootFS": {"Layers": CONFIG["rootfs"]["diff_ids"]}}
).identity
OTHER = {**CONFIG, "config": {"User": "0"}}


@pytest.fixture
def held() -> Iterator[Held]:
    with stand_in() as one:
        yield one


@pytest.fixture(autouse=True)
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody has logged in anywhere."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return write_bill(tmp_path / "artifacts", {"metadata": {"properties": [{"name": IDENTITY, "value": OWN}]}})


def write_bill(root: Path, document: Any) -> Artifacts:
    path = root / "dev" / BILL
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return Artifacts(root)


def put(held: Held, artifacts: Artifacts, version: str = ":1") -> Exit:
    return attach("dev", f"{held.address.removeprefix('http://')}/some/name{version}", artifacts)


def problem(held: Held, artifacts: Artifacts, version: str = ":1") -> Problem:
    with pytest.raises(Problem) as raised:
        put(held, artifacts, version)
    return raised.value


def listed(held: Held, subject: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = held.document(subject.replace(":", "-"))["manifests"]
    return found


def test_the_bill_refers_to_the_image_and_is_there_to_the_byte(held: Held, artifacts: Artifacts) -> None:
    image = held.take_image("1", CONFIG)
    assert put(held, artifacts) == Exit.OK
    (one,) = listed(held, image)
    assert (one["mediaType"], one["artifactType"]) == (MANIFEST, KIND)
    manifest = held.document(one["digest"])
    assert manifest["subject"] == {"mediaType": MANIFEST, "digest": image, "size": len(held.manifests[image][1])}
    (layer,) = manifest["layers"]
    assert held.blobs[layer["digest"]] == artifacts.path("dev", BILL).read_bytes()
    assert manifest["config"]["digest"] in held.blobs


def test_a_registry_that_knows_referrers_is_given_no_tag(held: Held, artifacts: Artifacts) -> None:
    held.knows_referrers = True
    image = held.take_image("1", CONFIG)
    assert put(held, artifacts, f"@{image}") == Exit.OK
    assert image.replace(":", "-") not in held.manifests


def test_a_bill_that_is_there_is_listed_once_beside_what_others_attached(held: Held, artifacts: Artifacts) -> None:
    image = held.take_image("1", CONFIG)
    signature = {"mediaType": MANIFEST, "digest": "sha256:signature", "size": 3}
    held.take_manifest(image.replace(":", "-"), INDEX, {"schemaVersion": 2, "manifests": [signature]})
    assert [put(held, artifacts), put(held, artifacts)] == [Exit.OK, Exit.OK]
    assert [one.get("artifactType") for one in listed(held, image)] == [None, KIND]
    assert sum(one.startswith("POST") for one in held.asked) == 2  # the bill and the empty configuration, once


def test_of_an_index_the_image_with_the_bill_s_identity_is_meant(held: Held, artifacts: Artifacts) -> None:
    other, own = held.take_image("other", OTHER), held.take_image("own", CONFIG)
    held.take_index("1", other, own)
    assert put(held, artifacts) == Exit.OK
    assert listed(held, own)


def test_beside_another_image_nothing_is_put(held: Held, artifacts: Artifacts) -> None:
    held.take_image("1", OTHER)
    told = problem(held, artifacts)
    assert told.code == Exit.FAILED
    assert OWN in told.wrong
    assert not [one for one in held.asked if one.startswith(("POST", "PUT"))]


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_what_docker_login_keeps_is_shown_to_a_registry_that_asks(
    held: Held, artifacts: Artifacts, login: Path, scheme: str
) -> None:
    known = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    login.parent.mkdir()
    login.write_text(json.dumps({"auths": {held.address.removeprefix("http://"): {"auth": known}}}), encoding="utf-8")
    held.asks_for = scheme
    image = held.take_image("1", CONFIG)
    assert put(held, artifacts) == Exit.OK
    assert listed(held, image)


def test_what_lies_in_netrc_does_not_take_the_place_of_the_registry_s_token(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = urlsplit(held.address).hostname
    (tmp_path / "netrc").write_text(f"machine {host} login me password another\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(Reference, "is_here", False)  # what serves this machine itself is never asked by netrc
    held.take_image("1", CONFIG)
    reference = Reference.read(f"{held.address.removeprefix('http://')}/some/name:1")
    repository = Repository(reference, plain_http=True)
    held.asks_for, repository.token = "Bearer", f"Bearer {TOKEN}"
    assert repository.image(OWN)["mediaType"] == MANIFEST


def test_a_registry_that_is_away_is_told_in_words(artifacts: Artifacts) -> None:
    with pytest.raises(Problem, match="it does not answer: connection refused"):
        attach("dev", "localhost:1/some/name:1", artifacts)


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_whoever_has_not_logged_in_is_told_to(held: Held, artifacts: Artifacts, scheme: str) -> None:
    held.asks_for = scheme
    held.take_image("1", CONFIG)
    told = problem(held, artifacts)
    assert told.code == Exit.UNAVAILABLE
    assert "docker login" in told.next_step


def test_an_image_that_is_not_there_is_told_with_the_registry_s_words(held: Held, artifacts: Artifacts) -> None:
    told = problem(held, artifacts)
    assert "manifests/1: 404" in told.wrong
    assert "UNKNOWN" in told.wrong


def spoil_config(held: Held, image: str) -> None:
    held.blobs[held.document(image)["config"]["digest"]] = b"{}"


def spoil_manifest(held: Held, image: str) -> None:
    held.manifests["1"] = (MANIFEST, b"[]")
    held.manifests[image] = (MANIFEST, b"[]")


def spoil_kind(held: Held, image: str) -> None:
    held.manifests["1"] = ("text/html", held.manifests[image][1])


def spoil_list(held: Held, image: str) -> None:
    held.take_manifest(image.replace(":", "-"), INDEX, {"manifests": 3})


@pytest.mark.parametrize("spoil", [spoil_config, spoil_manifest, spoil_kind, spoil_list])
def test_what_a_registry_must_not_answer_is_told_without_a_traceback(
    held: Held, artifacts: Artifacts, spoil: Any
) -> None:
    image = held.take_image("1", CONFIG)
    spoil(held, image)
    assert problem(held, artifacts).code == Exit.UNAVAILABLE


def test_bytes_that_are_not_those_of_the_digest_are_not_believed(held: Held, artifacts: Artifacts) -> None:
    image = held.take_image("1", CONFIG)
    held.manifests[image] = (MANIFEST, held.manifests[image][1] + b" ")
    assert "another digest" in problem(held, artifacts, f"@{image}").wrong


def test_a_registry_that_does_not_answer_is_told(artifacts: Artifacts) -> None:
    with stand_in() as gone:
        pass
    assert problem(gone, artifacts).code == Exit.UNAVAILABLE


def test_without_a_bill_it_says_what_writes_it(held: Held, tmp_path: Path) -> None:
    told = problem(held, Artifacts(tmp_path))
    assert (told.code, told.next_step) == (Exit.UNAVAILABLE, "./noxw -s build verify -- dev writes it")


@pytest.mark.parametrize("document", [3, {}, {"metadata": {"properties": [{"name": "other", "value": "x"}]}}])
def test_a_bill_that_does_not_say_which_image_it_is_of_is_none(held: Held, tmp_path: Path, document: Any) -> None:
    assert problem(held, write_bill(tmp_path, document)).code == Exit.USAGE


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "host", "name", "version", "address"),
    [
        ("docker.io/ktrdr:1", "docker.io", "library/ktrdr", "1", "https://registry-1.docker.io"),
        ("docker.io/someone/ktrdr", "docker.io", "someone/ktrdr", "latest", "https://registry-1.docker.io"),
        ("registry.example/a/b:1", "registry.example", "a/b", "1", "https://registry.example"),
        (f"localhost:5000/a@{DIGEST}", "localhost:5000", "a", DIGEST, "http://localhost:5000"),
        (f"registry.example/a:1@{DIGEST}", "registry.example", "a", DIGEST, "https://registry.example"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", "http://127.0.0.1:5000"),
        ("[::1]:5000/a", "[::1]:5000", "a", "latest", "http://[::1]:5000"),
    ],
)
def test_an_image_s_name_is_read_as_the_docker_command_does(
    text: str, host: str, name: str, version: str, address: str
) -> None:
    found = Reference.read(text)
    assert (found.host, found.name, found.version) == (host, name, version)
    assert found.address(plain_http=False) == address


def test_a_registry_elsewhere_is_asked_in_the_clear_only_where_that_is_said() -> None:
    assert Reference.read("registry.example/a").address(plain_http=True) == "http://registry.example"


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example/a", "registry.example/BAD NAME", "registry.example/a?b=c",
        "registry.example/a@sha256:0", "ktrdr-backend:prod", "someone/ktrdr", "",
    ],
)  # fmt: skip
def test_a_name_that_is_none_or_names_no_registry_is_told_before_anybody_is_asked(text: str) -> None:
    with pytest.raises(Problem) as told:
        Reference.read(text)
    assert told.value.code == Exit.USAGE
    assert "registry.example/name:tag" in told.value.next_step


def test_a_digest_is_that_of_the_bytes() -> None:
    assert digest_of(b"{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
