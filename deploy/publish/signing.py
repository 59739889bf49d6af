"""Keys and signatures: DSSE envelopes by securesystemslib, with Ed25519 keys in PEM files."""

import contextlib
import json
import os
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from deploy.errors import Exit, Problem
from deploy.publish.statements import IN_TOTO, Malformed

DSSE = "application/vnd.dsse.envelope.v1+json"
PUBLIC = ".pub"
UNREADABLE = (OSError, ValueError, TypeError, UnsupportedAlgorithm)

Signature = Literal["good", "altered", "another key", "none", "unchecked"]


def make(path: Path) -> tuple[Path, str]:
    """Make a key: the private half at ``path`` for its owner alone, the public one beside it; returns path and id.

    Raises:
        Problem: something is there already (exit 2), or it cannot be written (exit 3).

    """
    doing, public = "making a key", path.with_name(path.name + PUBLIC)
    for name in (path, public):  # before the first is written: no private half without its public one
        if os.path.lexists(name):
            raise Problem(doing, f"{name} is there already", "name another file", Exit.USAGE)
    private = Ed25519PrivateKey.generate()
    signer, half = CryptoSigner(private), private.public_key()
    shown = half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        for name, data, mode in ((path, signer.private_bytes, 0o600), (public, shown, 0o644)):
            with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(data)
    except FileExistsError as error:
        raise Problem(doing, f"{error.filename} is there already", "name another file", Exit.USAGE) from None
    except OSError as error:
        raise Problem(doing, f"{error.filename}: {error.strerror}", "name a place that can be written") from None
    return public, signer.public_key.keyid


def signer_of(path: Path) -> CryptoSigner:
    """Read a private key in PEM, without a password.

    Raises:
        Problem: it cannot be read, or its kind is not known (exit 2).

    """
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except UNREADABLE as error:
        raise _no_key(path, error, "a private key, as `python -m deploy key FILE` makes it") from None


def key_of(path: Path) -> SSlibKey:
    """Read a public key in PEM.

    Raises:
        Problem: it cannot be read, or its kind is not known (exit 2).

    """
    try:
        return SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()))
    except UNREADABLE as error:
        raise _no_key(path, error, f"a public key: the file that ends with {PUBLIC}") from None


def _no_key(path: Path, error: Exception, due: str) -> Problem:
    why = error.strerror if isinstance(error, OSError) else "it holds no key of this kind in PEM"
    return Problem("reading the key", f"{path}: {why}", f"name {due}", Exit.USAGE)


def sealed(statement: bytes, signer: CryptoSigner | None) -> tuple[str, bytes]:
    """Return a statement's media type and bytes: in a signed envelope, or bare where there is no key."""
    if signer is None:
        return IN_TOTO, statement
    envelope = Envelope(statement, IN_TOTO, {})
    envelope.sign(signer)
    return DSSE, json.dumps(envelope.to_dict(), sort_keys=True).encode()


def opened(media_type: str, data: bytes, key: SSlibKey | None) -> tuple[bytes, Signature, str]:
    """Return the statement within, what its signature is worth, and the ids of the keys that signed it.

    Raises:
        Malformed: it is neither a statement nor an envelope with one.

    """
    if media_type == IN_TOTO:
        return data, "none", ""
    if media_type != DSSE:
        raise Malformed(f"it is {media_type}, neither {IN_TOTO} nor {DSSE}")
    try:
        envelope = Envelope.from_dict(json.loads(data))
    except Exception as error:  # noqa: BLE001 - the library raises its own and whatever a malformed value causes
        raise Malformed(f"it is no envelope: {error!r}") from None
    if envelope.payload_type != IN_TOTO:
        raise Malformed(f"its envelope holds {envelope.payload_type}, not {IN_TOTO}")
    ids = ", ".join(keyid[:16] for keyid in envelope.signatures)
    if not envelope.signatures:
        return envelope.payload, "none", ids
    if key is None:
        return envelope.payload, "unchecked", ids
    with contextlib.suppress(VerificationError):
        envelope.verify([key], 1)
        return envelope.payload, "good", ids
    return envelope.payload, "altered" if key.keyid in envelope.signatures else "another key", ids
