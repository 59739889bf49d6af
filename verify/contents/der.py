"""Knows private keys and certificates in DER by their first bytes: no text, and no name that tells (ITU-T X.690)."""

SEQUENCE, INTEGER, OCTETS, EXPLICIT = 0x30, 0x02, 0x04, 0xA0
_VERSION_0, _VERSION_1, _VERSION_3 = b"\x02\x01\x00", b"\x02\x01\x01", b"\x02\x01\x03"
# pkcs-5 (1.2.840.113549.1.5) and pkcs-12 (1.2.840.113549.1.12.1): what encrypted keys name first (RFC 8018, 7292)
_ENCRYPTION = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))


def kind_of(head: bytes, size: int) -> str:
    """Return "private key", "certificate" or "" for a file of ``size`` bytes that begins so; it has to be all of it."""
    body = _inside(head, size, SEQUENCE)
    if body is None:
        return ""
    if body.startswith(_VERSION_0):  # RFC 8017 (RSA): an integer follows; RFC 5958 (any): the algorithm
        return "private key" if body[3:4] in (bytes([INTEGER]), bytes([SEQUENCE])) else ""
    if body.startswith((_VERSION_1, _VERSION_3)):  # RFC 5915 (elliptic curve); RFC 7292 (PKCS #12)
        follows = OCTETS if body.startswith(_VERSION_1) else SEQUENCE
        return "private key" if body[3:4] == bytes([follows]) else ""
    first = _inside(body, None, SEQUENCE)
    if first is None:
        return ""
    if first[:1] == b"\x06" and first[2:].startswith(_ENCRYPTION):
        return "private key"
    inner = _inside(first, None, EXPLICIT)  # RFC 5280: a certificate of version 2 or 3
    return "certificate" if inner is not None and inner.startswith(INTEGER.to_bytes() + b"\x01") else ""


def _inside(data: bytes, size: int | None, tag: int) -> bytes | None:
    """Return what follows tag and length of a value; None where it is another, or where its length is not ``size``."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 - a tag and a length
        return None
    length, header = data[1], 2
    if length & 0x80:
        header += length & 0x7F
        length = int.from_bytes(data[2:header])
    if header > 6 or (size is not None and header + length != size):  # noqa: PLR2004 - a length of four bytes
        return None
    return data[header:]
