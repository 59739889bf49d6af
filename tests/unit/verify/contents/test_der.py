"""Private keys and certificates in DER are known by their bytes, from the first to the last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.contents.secrets import der_kind


def value(tag: int, *parts: bytes) -> bytes:
    """A DER value (ITU-T X.690)."""
    data = b"".join(parts)
    size = len(data)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    )
    return bytes([tag]) + length + data


def number(of: int) -> bytes:
    return value(0x02, bytes([of]))


ALGORITHM = value(0x30, value(0x06, bytes.fromhex("2b6570")))
ENCRYPTION = value(0x30, value(0x06, bytes.fromhex("2a864886f70d01050d")))
KEYS = {
    "RSA": value(0x30, number(0), value(0x02, b"\x5a" * 300), number(3)),
    "PKCS 8": value(0x30, number(0), ALGORITHM, value(0x04, b"\x5a" * 34)),
    "elliptic curve": value(0x30, number(1), value(0x04, b"\x5a" * 32)),
    "longer elliptic curve": value(0x30, number(1), value(0x04, b"\x5a" * 66), value(0xA1, b"\x5a" * 100)),
    "encrypted": value(0x30, ENCRYPTION, value(0x04, b"\x5a" * 64)),
    "PKCS 12": value(0x30, number(3), value(0x30, b"\x5a" * 500)),
}
CERTIFICATE = value(0x30, value(0x30, value(0xA0, number(2)), number(7), ALGORITHM), ALGORITHM)


@pytest.mark.parametrize("form", KEYS)
def test_a_private_key_is_known_in_every_form(form: str) -> None:
    assert der_kind(KEYS[form], len(KEYS[form])) == "private key"


def test_a_certificate_is_known() -> None:
    assert der_kind(CERTIFICATE, len(CERTIFICATE)) == "certificate"


@pytest.mark.parametrize("form", KEYS)
def test_what_only_begins_like_a_key_is_none(form: str) -> None:
    assert der_kind(KEYS[form] + b"more", len(KEYS[form]) + 4) == ""
    assert der_kind(KEYS[form], len(KEYS[form]) + 4) == ""


def test_the_beginning_of_a_long_key_is_enough() -> None:
    assert der_kind(KEYS["PKCS 12"][:64], len(KEYS["PKCS 12"])) == "private key"


@pytest.mark.parametrize(("length", "kind"), [("8401000000", "private key"), ("850001000000", "")])
def test_a_length_has_four_bytes_at_most(length: str, kind: str) -> None:
    head = b"\x30" + bytes.fromhex(length)
    assert der_kind(head + number(0) + ALGORITHM, len(head) + 2**24) == kind


PUBLIC = value(0x30, ALGORITHM, value(0x03, bytes(33)))


@pytest.mark.parametrize("data", [b"", b"0", PUBLIC, value(0x30), value(0x30, number(0)), value(0x31, number(0))])
def test_what_is_neither_key_nor_certificate_is_neither(data: bytes) -> None:
    assert der_kind(data, len(data)) == ""


@given(st.binary(max_size=60))
def test_no_bytes_are_a_traceback(data: bytes) -> None:
    assert der_kind(b"0" + data, len(data) + 1) in ("", "private key", "certificate")
