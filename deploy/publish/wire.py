"""Requests to one registry: its scheme, its credentials, deadlines, and its refusals in words.

Why not oras (0.2.43): its requests have no deadline, and their answers no bound.
"""

import base64
import contextlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import docker.auth
import docker.errors
import requests
import urllib3.exceptions

from deploy.engine.trouble import classify
from deploy.errors import Problem
from deploy.publish.reference import Reference

CERTIFICATES = Path("/etc/docker/certs.d")  # where an engine looks for a registry's authority, too: HOST/ca.crt
SHOWN = 300  # characters of a registry's refusal
MOST = 16 * 2**20  # bytes of one answer: manifests, configurations and attestations are small
ODD_LOGIN = "it asks for a login in a form that is not known"
SEEN_CONNECTION = "see that the registry runs and is reached from here"
# What a refusal means, and the next step: patterns over the status and the beginning of the text, in this order.
REFUSALS = (
    (
        r"(401|403)\b|.*(denied|unauthorized|no basic auth)",
        "it refuses this user",
        "run `docker login {host}` as a user who may do this",
    ),
    (
        r"507|413|.*(no space left|\"Err\": ?28\b|disk quota|quota exceeded)",
        "it is full",
        "make room in the registry, or collect its garbage",
    ),
    (
        r"405|.*(UNSUPPORTED|operation is unsupported|read-only|readonly)",
        "it takes no images: it is read-only",
        "name a registry that takes images, or end its maintenance",
    ),
    (r"404", "it does not hold this", "publish it: ./noxw -s build verify publish -- --registry {host}"),
    (r"429", "it has had too many requests", "wait, then the same again"),
)


@dataclass(frozen=True)
class Deadlines:
    """Seconds to connect, of silence within an answer, and for a whole answer."""

    connect: float = 10.0
    silence: float = 30.0
    whole: float = 120.0


@dataclass(frozen=True)
class Answer:
    """What a registry answered, read to its end."""

    status: int
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def text(self) -> str:
        """Its text, as far as it is shown."""
        return self.data[:SHOWN].decode("utf-8", "replace").strip()


def meaning(status: int, text: str) -> tuple[str, str]:
    """Return what a refusal means and the next step, with {host} in it; "" and a general step if it is not known."""
    for pattern, words, next_step in REFUSALS:
        if re.match(pattern, f"{status} {text}", re.DOTALL):
            return words, next_step
    return "", "see the registry's log, and `docker login {host}`"


class Wire:
    """Asks one registry about one repository; every refusal is a Problem (exit 3), without credentials in it."""

    def __init__(
        self,
        reference: Reference,
        environ: Mapping[str, str],
        *,
        plain_http: bool = False,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.reference, self.deadlines = reference, deadlines or Deadlines()
        self.session = requests.Session()
        self.session.trust_env = not reference.is_here  # no proxy is asked for what this machine itself serves
        own = CERTIFICATES / reference.host / "ca.crt"
        self.trusted: str | bool = environ.get("SSL_CERT_FILE") or (str(own) if own.is_file() else True)
        self.token = ""
        self.hidden: set[str] = set()  # credentials, which no message may show
        self.scheme = "http" if plain_http else "" if reference.is_here else "https"

    @property
    def address(self) -> str:
        """Where the registry answers."""
        return f"{self.scheme or 'http'}://{self.reference.answers_at}"

    def ask(self, method: str, path: str, allowed: tuple[int, ...] = (), **more: Any) -> Answer:
        """Send a request, and once more with credentials if the registry asks for them."""
        self.scheme = self.scheme or self._found_scheme()
        url = urljoin(f"{self.address}/v2/{self.reference.name}/", path)
        answer = self._send(method, url, **more)
        if answer.status == requests.codes.unauthorized:
            self._identify(answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(method, url, **more)
        if not answer.ok and answer.status not in allowed:
            words, next_step = meaning(answer.status, answer.text)
            said = f"{method} {urlsplit(url).path}: {answer.status} {answer.text}"
            raise self.refused(f"{words} ({said})" if words else said, next_step)
        return answer

    def refused(self, wrong: str, next_step: str = SEEN_CONNECTION) -> Problem:
        """Return a refusal as a Problem; no credential is shown, whatever the registry repeats."""
        for secret in sorted(filter(None, self.hidden), key=len, reverse=True):
            wrong = wrong.replace(secret, "…")
        wrong = "".join(sign if sign.isprintable() else " " for sign in wrong)
        return Problem(f"asking the registry at {self.address}", wrong, next_step.format(host=self.reference.host))

    def _found_scheme(self) -> str:
        """Return how a registry of this machine answers: it may have TLS, as elsewhere, or none."""
        try:
            self._request("GET", f"https://{self.reference.answers_at}/v2/")
        except requests.exceptions.SSLError as error:
            return "https" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "http"
        except requests.Timeout as error:
            raise self._unanswered(error) from None
        except requests.ConnectionError:
            return "http"
        return "https"

    def _send(self, method: str, url: str, **more: Any) -> Answer:
        try:
            return self._request(method, url, auth=self._authorized, **more)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._unanswered(error) from None

    def _request(self, method: str, url: str, **more: Any) -> Answer:
        """Send one request and read its answer, within the deadlines and the bound on its bytes."""
        end = time.monotonic() + self.deadlines.whole
        seconds = (self.deadlines.connect, self.deadlines.silence)
        more["headers"] = {"Accept-Encoding": "identity", **more.get("headers", {})}
        with self.session.request(method, url, timeout=seconds, stream=True, verify=self.trusted, **more) as answer:
            data = bytearray()
            while piece := answer.raw.read1(MOST):
                data += piece
                if len(data) > MOST:
                    raise requests.ConnectionError(f"its answer has more than {MOST} bytes")
                if time.monotonic() > end:
                    raise requests.ReadTimeout(f"its answer did not end within {self.deadlines.whole:g} s")
            return Answer(answer.status_code, answer.url, answer.headers, bytes(data))

    def _unanswered(self, error: Exception) -> Problem:
        text = str(error)
        if isinstance(error, requests.exceptions.SSLError):
            wrong = f"its certificate is not trusted: {text[-SHOWN:]}"
            place = CERTIFICATES / self.reference.host / "ca.crt"
            return self.refused(
                wrong, f"put the certificate of its authority into {place}, or name it in SSL_CERT_FILE"
            )
        if "did not end within" in text or "more than" in text:
            return self.refused(text)
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return self.refused(f"it did not answer within {self.deadlines.silence:g} s")
        if isinstance(error, requests.ConnectionError | urllib3.exceptions.HTTPError):
            return self.refused(f"it does not answer: {classify(error)[1]}")
        return self.refused(text or type(error).__name__)

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, for this registry alone; requests would replace it with an entry of ~/.netrc."""
        if self.token and urlsplit(request.url).netloc == urlsplit(self.address).netloc:
            request.headers["Authorization"] = self.token
        return request

    def _identify(self, challenge: str) -> None:
        """Get a token, or the words for a password, as the registry demands."""
        scheme, _, rest = challenge.partition(" ")
        words: Mapping[str, str] | None = None
        with contextlib.suppress(ValueError, IndexError):  # of what is no list of name="value"
            words = parse_keqv_list(parse_http_list(rest))
        if words is None or (challenge and not re.search(r"(^|,\s*)(basic|bearer)\b", challenge, re.IGNORECASE)):
            asked = f"{ODD_LOGIN} ({challenge[:SHOWN]})"
            raise self.refused(asked, "see which logins the registry is set to ask for: basic and bearer are known")
        login = self._login()
        basic = requests.auth.HTTPBasicAuth(*login) if login else None
        if scheme.lower() == "bearer":
            self._fetch_token(words, basic)
        elif basic:
            self.token = str(requests.Request("GET", self.address, auth=basic).prepare().headers["Authorization"])

    def _fetch_token(self, words: Mapping[str, str], basic: requests.auth.HTTPBasicAuth | None) -> None:
        realm = words.get("realm", "")
        if self.scheme == "https" and not realm.startswith("https://"):
            raise self.refused(
                f"it sends credentials in the clear to {realm or 'nowhere'}", "correct its token service"
            )
        scope = words.get("scope") or f"repository:{self.reference.name}:pull,push"
        try:
            answer = self._request(
                "GET", realm, params={"service": words.get("service", ""), "scope": scope}, auth=basic
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._unanswered(error) from None
        if not answer.ok:
            words_, next_step = meaning(answer.status, answer.text)
            raise self.refused(
                f"{words_ or 'no token'} ({urlsplit(realm).netloc}: {answer.status} {answer.text})", next_step
            )
        try:
            document = json.loads(answer.data)
            token = str(document.get("token") or document["access_token"])
        except (ValueError, LookupError, AttributeError):
            raise self.refused(f"{urlsplit(realm).netloc} gives no token", "see its token service") from None
        self.token = f"Bearer {token}"
        self.hidden.add(token)

    def _login(self) -> tuple[str, str] | None:
        host = self.reference.host
        try:
            found = docker.auth.load_config().resolve_authconfig(host if host != "docker.io" else None) or {}
        except docker.errors.DockerException as error:
            raise self.refused(
                f"the credentials of docker login cannot be read: {error}", "docker login {host}"
            ) from None
        name, password = found.get("username") or found.get("Username"), found.get("password") or found.get("Password")
        if not name or not password:
            return None
        self.hidden |= {password, base64.b64encode(f"{name}:{password}".encode()).decode()}
        return name, password
