"""A token service, as a registry of the distribution project takes it: JSON web tokens, signed by a known authority."""

import base64
import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.support.registries import NAME, PASSWORD

ISSUER, SERVICE = "a token service", "a registry"


@dataclass
class Tokens:
    """A token service: who it lets push, and which tokens it gave."""

    chain: bytes  # key and certificate in PEM
    actions: tuple[str, ...] = ("pull", "push")
    given: list[str] = field(default_factory=list)
    address: str = ""

    def token(self, scopes: list[str]) -> str:
        """Return a token for these scopes, as far as they are allowed (distribution project, token authentication)."""
        now = int(time.time())
        access = [
            {"type": kind, "name": name, "actions": [one for one in wanted.split(",") if one in self.actions]}
            for kind, name, wanted in (scope.split(":") for scope in scopes)
        ]
        certificate = x509.load_pem_x509_certificate(self.chain).public_bytes(Encoding.DER)
        head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": ISSUER, "sub": NAME, "aud": SERVICE, "jti": str(now), "iat": now, "nbf": now - 60, "exp": now + 300,
            "access": access,
        }  # fmt: skip
        text = b".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        key = load_pem_private_key(self.chain, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        numbers = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(32, "big") for number in numbers)
        self.given.append(f"{text.decode()}.{_encoded(signature).decode()}")
        return self.given[-1]


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextlib.contextmanager
def token_service(chain: Path) -> Iterator[Tokens]:
    """Serve tokens at an address of this machine to who knows the password."""
    tokens = Tokens(chain.read_bytes())
    known = f"Basic {base64.b64encode(f'{NAME}:{PASSWORD}'.encode()).decode()}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            may = self.headers.get("Authorization") == known
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            body = json.dumps({"token": tokens.token(scopes)} if may else {"details": "who are you?"}).encode()
            self.send_response(200 if may else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        tokens.address = f"http://127.0.0.1:{server.server_port}/token"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield tokens
        server.shutdown()


def settings(tokens: Tokens, authority: Path) -> str:
    """Return what makes a registry ask for this service's tokens, in YAML."""
    keys = f"realm: '{tokens.address}', service: {SERVICE}, issuer: {ISSUER}, rootcertbundle: {authority}"
    return f"auth: {{token: {{{keys}}}}}\n"
