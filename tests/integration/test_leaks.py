"""Nothing of the host that built an image is in it: no certificate, proxy, index address or credential, in any byte."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import certifi
import pytest

from deploy.artifacts import BUILD, LOG
from deploy.build.host_settings import PROXIES, UV_SETTINGS, find_links, host_settings
from tests.integration.conftest import Checkout, Images
from tests.support.checkout import PROJECT

BLOCK = 4 << 20  # bytes read at a time
LONGEST = 16 << 10  # bytes of two blocks that are looked at together: a certificate has a few thousand
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"

# What the host is configured with in the test. Nobody is ever asked: the proxy is for no address, the index comes
# after the lock, which says where everything is.
CREDENTIAL = "s3nd-no-p1geons"
CONFIGURED = {
    "HTTP_PROXY": f"http://ada:{CREDENTIAL}@proxy.invalid:3128",
    "HTTPS_PROXY": f"http://ada:{CREDENTIAL}@proxy.invalid:3128",
    "NO_PROXY": "*",
    "UV_INDEX": "lovelace=https://packages.lovelace.invalid/simple",
    "UV_INDEX_LOVELACE_USERNAME": "ada",
    "UV_INDEX_LOVELACE_PASSWORD": CREDENTIAL,
}
CERTIFICATE = """
-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUPbo8ZPAlFRqymh3VI8hnMgp3uiAwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3RyZHIgdGVzdDAgFw0yNjExMjIwMDIzNDdaGA8yMTI2MTAy
OTAwMjM0N1owFTETMBEGA1UEAwwKa3RyZHIgdGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABJQ82U6ejU6+anYwk0pXEEMrit2ixzxGbsM+crVKX7MWrM8p0+ps
0CofkIAq05RDIW7wV2EvYSjLMRWFiyt4fuejUzBRMB0GA1UdDgQWBBQ0ECCcxdYs
7OCAyUceXDSE8tzvbjAfBgNVHSMEGDAWgBQ0ECCcxdYs7OCAyUceXDSE8tzvbjAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBJG7fPT3O9rwdXSmaBF
UN7p/GqhvT1ODFUYRKOkPgPHAiEAx0FYw1aAE374B5z0kHmlt0nnFKnf00IX5OPY
GJm1jGg=
-----END CERTIFICATE-----
"""
TRACES = (CREDENTIAL, "proxy.invalid", "lovelace", "LOVELACE", CERTIFICATE.split()[4])


def saved(images: Images, *names: str) -> Iterator[bytes]:
    """Yield the images' exported archive, every layer and configuration once, in blocks that overlap."""
    command = [*images.engine.command(), "save", *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        before = b""
        while block := process.stdout.read(BLOCK):
            yield before + block
            before = block[-LONGEST:]
    assert process.returncode == 0, command


def certificates(text: bytes) -> set[bytes]:
    """Return the certificates in a text (PEM, RFC 7468), each as its base64 without line ends."""
    found = re.findall(re.escape(BEGIN) + rb"([A-Za-z0-9+/=\s]{64,}?)" + re.escape(END), text)
    return {b"".join(one.split()) for one in found}


def scan(blocks: Iterable[bytes], words: Iterable[bytes]) -> tuple[set[bytes], set[bytes], int]:
    """Return the words that are in the blocks, the certificates, and how many bytes were looked at."""
    seen: set[bytes] = set()
    pem: set[bytes] = set()
    size = 0
    for block in blocks:
        size += len(block)
        seen |= {word for word in words if word in block}
        if BEGIN in block:
            pem |= certificates(block)
    return seen, pem, size


def settings_of_this_host(environ: Mapping[str, str]) -> set[bytes]:
    """Return what this host is configured with and no image may hold: proxies, indexes, credentials, directories."""
    words = set(host_settings("0", PROJECT.cache, environ).hidden)
    words |= {value for name in (*PROXIES, *UV_SETTINGS) if len(value := environ.get(name, "")) > len("https://")}
    words |= {value for name, value in environ.items() if name.startswith(("UV_INDEX_", "PIP_INDEX", "PIP_EXTRA"))}
    words |= {str(directory) for directory in find_links(environ)}
    return {word.encode() for word in words}


def test_no_layer_and_no_history_holds_a_certificate_or_setting_of_this_host(
    images: Images,
) -> None:
    _, in_base, _ = scan(saved(images, images.records["backend"].base.reference), ())
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    on_host = certificates(bundle.read_bytes()) if bundle.is_file() else set()
    public = certificates(certifi.contents().encode())  # the contract lets the development image hold them
    names = [images.contract.images[role].name for role in images.roles]
    seen, in_images, size = scan(saved(images, *names), settings_of_this_host(os.environ))
    assert size > max(images.contents(role).unpacked_bytes for role in images.roles), "not every layer was looked at"
    assert public <= in_images, "those that the development image holds were not seen"
    assert not seen, f"{len(seen)} of this host's settings are in an image"
    assert not (in_images & on_host) - in_base - public, "certificates of this host are in an image"


def test_the_scan_sees_words_and_certificates_across_the_blocks() -> None:
    text = b"x" * 5000 + CERTIFICATE.encode() + b"y" * 5000 + CREDENTIAL.encode()
    for cut in range(5000, len(text), 97):
        blocks = [text[:cut], text[max(0, cut - LONGEST) :]]
        seen, pem, _ = scan(blocks, [CREDENTIAL.encode(), b"absent"])
        assert (seen, pem) == ({CREDENTIAL.encode()}, certificates(CERTIFICATE.encode()))


@pytest.fixture
def configured(checkout: Checkout) -> Checkout:
    """A checkout whose backend was really built, no step cached, where proxy, index and certificate are configured."""
    script = checkout.directory / "deploy" / "docker" / "sync.sh"
    script.write_text(f"{script.read_text(encoding='utf-8')}# {checkout.prefix}\n", encoding="utf-8")
    bundle = checkout.directory.with_name("bundle.pem")
    own = os.environ.get("SSL_CERT_FILE")
    bundle.write_text((Path(own).read_text(encoding="utf-8") if own else certifi.contents()) + CERTIFICATE)
    ended = checkout.build("backend", env={**CONFIGURED, "SSL_CERT_FILE": str(bundle)})
    assert ended.code == 0, ended
    (checkout.directory / "printed").write_text(ended.printed, encoding="utf-8")
    return checkout


def test_a_build_leaves_no_trace_of_proxy_index_credential_or_certificate_in_the_image_the_log_and_the_record(
    images: Images, configured: Checkout
) -> None:
    words = [word.encode() for word in TRACES]
    seen, _, size = scan(saved(images, configured.name("backend")), words)
    assert size > images.contents("backend").unpacked_bytes
    assert not seen, f"{seen} in the image"
    history = images.client.api.history(configured.name("backend"))
    inspected = images.client.api.inspect_image(configured.name("backend"))
    artifacts = configured.artifacts
    texts = {"history": str(history), "configuration": str(inspected)}
    texts["what was printed"] = (configured.directory / "printed").read_text(encoding="utf-8")
    texts |= {name: artifacts.path("backend", name).read_text(encoding="utf-8") for name in (LOG, BUILD)}
    assert {(where, word) for where, text in texts.items() for word in TRACES if word in text} == set()
    assert "sync.sh" in texts[LOG], "the log tells of the steps"
