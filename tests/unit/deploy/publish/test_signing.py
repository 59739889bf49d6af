"""A key signs a statement; a changed byte, another key and a file that is no key are each named."""

import base64
import json
import stat
import subprocess
from pathlib import Path

import pytest

from deploy.errors import Exit, Problem
from deploy.publish.signing import DSSE, key_of, make, opened, sealed, signer_of
from deploy.publish.statements import IN_TOTO, Malformed

STATEMENT = b'{"_type": "https://in-toto.io/Statement/v1"}'


def public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def test_a_key_is_its_owner_s_alone_and_its_public_half_is_not(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" not in public(key).read_text()
    assert key_of(public(key)).keyid == signer_of(key).public_key.keyid


def test_no_key_takes_the_place_of_another(key: Path) -> None:
    before = key.read_bytes()
    with pytest.raises(Problem, match="is there already") as told:
        make(key)
    assert told.value.code == Exit.USAGE
    assert key.read_bytes() == before


@pytest.mark.parametrize("dangling", [False, True])
def test_where_the_public_half_s_place_is_taken_no_private_half_is_left(tmp_path: Path, *, dangling: bool) -> None:
    taken = tmp_path / "k.pub"
    taken.symlink_to("nowhere") if dangling else taken.touch()
    with pytest.raises(Problem, match=r"k\.pub is there already") as told:
        make(tmp_path / "k")
    assert told.value.code == Exit.USAGE
    assert list(tmp_path.iterdir()) == [taken]


def test_what_was_signed_is_good_for_its_key_and_no_other(key: Path, tmp_path: Path) -> None:
    other, _ = make(tmp_path / "other")
    kind, data = sealed(STATEMENT, signer_of(key))
    assert kind == DSSE
    assert opened(kind, data, key_of(public(key)))[:2] == (STATEMENT, "good")
    assert opened(kind, data, key_of(other))[1] == "another key"
    assert opened(kind, data, None)[1] == "unchecked"


def test_openssl_finds_the_signature_good_over_dsse_s_own_encoding(key: Path, tmp_path: Path) -> None:
    envelope = json.loads(sealed(STATEMENT, signer_of(key))[1])
    encoded = b"DSSEv1 %d %b %d %b" % (len(IN_TOTO), IN_TOTO.encode(), len(STATEMENT), STATEMENT)
    (tmp_path / "encoded").write_bytes(encoded)
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    check = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        str(public(key)),
        "-rawin",
        "-in",
        str(tmp_path / "encoded"),
    ]
    done = subprocess.run(
        [*check, "-sigfile", str(tmp_path / "signature")], capture_output=True, text=True, check=False
    )
    assert "Verified Successfully" in done.stdout


def test_without_a_key_a_statement_stays_bare_and_nobody_has_signed_it() -> None:
    assert sealed(STATEMENT, None) == (IN_TOTO, STATEMENT)
    assert opened(IN_TOTO, STATEMENT, None) == (STATEMENT, "none", "")


@pytest.mark.parametrize("place", ["payload", "sig"])
def test_a_changed_byte_is_found(key: Path, place: str) -> None:
    kind, data = sealed(STATEMENT, signer_of(key))
    envelope = json.loads(data)
    holder = envelope if place == "payload" else envelope["signatures"][0]
    content = bytearray(base64.b64decode(holder[place]))
    content[10] ^= 1
    holder[place] = base64.b64encode(content).decode()
    assert opened(kind, json.dumps(envelope).encode(), key_of(public(key)))[1] == "altered"


def test_an_envelope_without_a_signature_is_not_signed(key: Path) -> None:
    kind, data = sealed(STATEMENT, signer_of(key))
    bare = json.dumps({**json.loads(data), "signatures": []}).encode()
    assert opened(kind, bare, key_of(public(key)))[1] == "none"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("text/plain", b""), (DSSE, b"{}"), (DSSE, b"["), (DSSE, b'{"payload": 3, "payloadType": 1, "signatures": []}'),
        (DSSE, b'{"payload": "", "payloadType": "other", "signatures": []}'),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_malformed(kind: str, data: bytes) -> None:
    with pytest.raises(Malformed):
        opened(kind, data, None)


@pytest.mark.parametrize("read", [signer_of, key_of])
@pytest.mark.parametrize(
    "content", [None, b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_file_that_is_no_key_is_told_by_its_name(tmp_path: Path, read: object, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    assert callable(read)
    with pytest.raises(Problem, match=str(path)) as told:
        read(path)
    assert told.value.code == Exit.USAGE
