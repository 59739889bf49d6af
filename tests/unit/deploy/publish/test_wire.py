"""Each way in which a registry refuses is told in words, within its deadline, and without credentials."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.errors import Exit, Problem
from deploy.publish import wire
from deploy.publish.reference import Reference
from deploy.publish.registry import MANIFEST, Repository
from deploy.publish.wire import Deadlines
from tests.support.certificates import certificate
from tests.support.publishing import config_for, identity
from tests.support.registries import NAME, PASSWORD, TOKEN, Held

SOON = Deadlines(connect=0.3, silence=0.3, whole=0.5)
FULL = '{"errors":[{"code":"UNKNOWN","detail":{"Op":"write","Path":"/v/data","Err":28}}]}'


@pytest.fixture(autouse=True)
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody has logged in anywhere."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "docker" / "config.json"


def at(host: str, **options: Any) -> Repository:
    return Repository(Reference.read(f"{host}/some/name:1"), environ={}, **options)


def refused(repository: Repository) -> Problem:
    with pytest.raises(Problem) as told:
        repository.ready()
    assert told.value.code == Exit.UNAVAILABLE
    return told.value


def know(login: Path, host: str) -> None:
    known = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    login.parent.mkdir()
    login.write_text(json.dumps({"auths": {host: {"auth": known}}}), encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "text", "words", "step"),
    [
        (403, "", "it refuses this user", "docker login"),
        (401, "", "it refuses this user", "docker login"),
        (405, '{"errors":[{"code":"UNSUPPORTED"}]}', "it is read-only", "that takes images"),
        (500, FULL, "it is full", "make room"),
        (500, "write /v: no space left on device", "it is full", "make room"),
        (507, "", "it is full", "make room"),
        (413, "", "it is full", "make room"),
        (429, "", "too many requests", "wait"),
        (500, "what?", "500 what?", "registry's log"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(held: Held, status: int, text: str, words: str, step: str) -> None:
    held.refuses["POST"] = (status, text)
    told = refused(at(held.host))
    assert words in told.wrong
    assert step in told.next_step


@pytest.mark.parametrize("how", ["headers", "body"])
def test_a_registry_that_hangs_is_left_within_its_deadline(held: Held, how: str) -> None:
    held.hangs = how
    told = refused(at(held.host, deadlines=SOON))
    assert "did not answer within 0.3 s" in told.wrong or "did not end within 0.5 s" in told.wrong


def test_a_registry_that_is_away_is_told_in_words() -> None:
    assert "it does not answer: connection refused" in refused(at("localhost:1")).wrong


def test_an_answer_that_is_too_long_is_not_read_to_its_end(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST", 1000)
    held.take_image("1", config_for("x" * 2000))
    with pytest.raises(Problem, match="more than 1000 bytes"):
        at(held.host).only_image()


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_what_docker_login_keeps_is_shown_to_a_registry_that_asks(held: Held, login: Path, scheme: str) -> None:
    know(login, held.host)
    held.asks_for = scheme
    at(held.host).ready()
    assert held.blobs


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_who_has_not_logged_in_is_told_to(held: Held, scheme: str) -> None:
    held.asks_for = scheme
    assert f"docker login {held.host}" in refused(at(held.host)).next_step


def test_of_several_logins_the_known_one_is_used(held: Held, login: Path) -> None:
    know(login, held.host)
    held.asks_for, held.challenge = "Basic", 'Negotiate, Basic realm="a"'
    at(held.host).ready()
    assert held.blobs


@pytest.mark.parametrize(
    "challenge", ["Basic realm", "NTLM x", "Negotiate", "Bearer realm=,", 'Bearer realm="https://a",service', "Basic ="]
)
def test_a_login_in_a_form_that_is_not_known_is_told_with_the_form(held: Held, login: Path, challenge: str) -> None:
    know(login, held.host)
    held.asks_for, held.challenge = "Basic", challenge
    told = refused(at(held.host))
    assert f"it asks for a login in a form that is not known ({challenge})" in told.wrong
    assert "basic and bearer are known" in told.next_step


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_credentials_that_a_registry_repeats_are_not_shown(held: Held, login: Path, scheme: str) -> None:
    know(login, held.host)
    held.asks_for = scheme
    known = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
    repository = at(held.host)
    repository.ready()
    held.refuses["POST"] = (500, f"no: Basic {known} Bearer {TOKEN} {PASSWORD}")
    told = str(refused(repository))
    assert "500 no:" in told
    assert not [secret for secret in (known, PASSWORD) if secret in told]
    assert (TOKEN in told) == (scheme == "Basic")  # with Basic nobody was given it


def test_what_lies_in_netrc_does_not_take_the_place_of_the_registry_s_token(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = urlsplit(held.address).hostname
    (tmp_path / "netrc").write_text(f"machine {host} login me password another\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(Reference, "is_here", False)  # what serves this machine itself is never asked by netrc
    held.take_image("1", config_for("dev"))
    repository = at(held.host, plain_http=True)
    held.asks_for, repository.wire.token = "Bearer", f"Bearer {TOKEN}"
    assert repository.image(identity("dev")).kind == MANIFEST


def test_a_terminal_s_control_characters_from_a_registry_are_not_printed(held: Held) -> None:
    held.refuses["POST"] = (500, "\x1b[2Jclean")
    assert "\x1b" not in str(refused(at(held.host)))


class Plain(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(507)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Say nothing."""


@pytest.fixture
def with_tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A registry of this machine with a certificate of its own authority, and that authority's certificate."""
    authority, chain = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", authority
        server.shutdown()


def test_a_certificate_of_an_unknown_authority_is_refused_with_the_place_for_it(with_tls: tuple[str, Path]) -> None:
    told = refused(at(with_tls[0]))
    assert "its certificate is not trusted" in told.wrong
    assert f"/etc/docker/certs.d/{with_tls[0]}/ca.crt" in told.next_step
    assert "SSL_CERT_FILE" in told.next_step


def test_an_authority_s_certificate_is_taken_from_the_engine_s_place(
    with_tls: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, authority = with_tls
    monkeypatch.setattr(wire, "CERTIFICATES", tmp_path / "certs.d")
    (tmp_path / "certs.d" / host).mkdir(parents=True)
    (tmp_path / "certs.d" / host / "ca.crt").write_bytes(authority.read_bytes())
    assert "it is full" in refused(at(host)).wrong


def test_an_authority_s_certificate_is_taken_from_the_environment(with_tls: tuple[str, Path]) -> None:
    host, authority = with_tls
    repository = Repository(Reference.read(f"{host}/some/name:1"), environ={"SSL_CERT_FILE": str(authority)})
    assert "it is full" in refused(repository).wrong


def test_a_registry_elsewhere_is_asked_in_the_clear_only_where_that_is_said() -> None:
    assert at("registry.example").wire.address == "https://registry.example"
    assert at("registry.example", plain_http=True).wire.address == "http://registry.example"
