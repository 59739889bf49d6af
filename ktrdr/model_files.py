"""A finished model's files, and the archive in which they travel, verified by digest. Torch-free.

Archives are read and written in blocks: memory does not grow with a model.
"""

import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import pack as packed
from typing import Any, BinaryIO, Final

from ktrdr.errors import InvalidError
from ktrdr.json_text import values_at_most

WEIGHTS: Final = "weights.safetensors"
CONFIG: Final = "config.json"
FEATURES: Final = "features.json"
METRICS: Final = "metrics.json"
METADATA: Final = "metadata.json"
FILES: Final = (WEIGHTS, CONFIG, FEATURES, METRICS, METADATA)
TEXTS: Final = {METADATA: ("strategy_name", "created_at")}
LISTS: Final = {METADATA: ("symbols", "timeframes")}
"""Required keys that backend and page read: texts, and lists of texts."""
MIB: Final = 1024 * 1024
ARCHIVE_LIMIT: Final = 64 * MIB
CHECKPOINT_LIMIT: Final = 4 * ARCHIVE_LIMIT + MIB
"""Weights, the best of them and the optimizer's two averages, for the largest model that can be stored."""
JSON_LIMIT: Final = 2 * MIB
VALUES_LIMIT: Final = 50_000
"""Twice what the largest models need: 8,192 features with their names and scales, or a strategy of 20,000 values."""
BLOCK: Final = 256 * 1024
UNREADABLE: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises over a damaged archive."""


def pack(directory: Path) -> bytes:
    """Return a model directory as an uncompressed zip archive, the same bytes for the same files."""
    return b"".join(blocks(directory))


def blocks(directory: Path) -> Iterator[bytes]:
    """Yield the bytes of `pack` in blocks: each file behind its local header, then the directory (APPNOTE 4.3).

    zipfile can only do this with checksums behind the files, which would be other bytes than those of `pack` so far.
    """
    entries, offset = b"", 0
    for name in FILES:
        member = zipfile.ZipInfo(name)
        member.CRC = 0
        for block in read_blocks(directory, name):
            member.CRC = zlib.crc32(block, member.CRC)
            member.file_size += len(block)
        member.compress_size = member.file_size
        head = member.FileHeader()
        yield head
        yield from read_blocks(directory, name)
        entries += _entry(member, offset)
        offset += len(head) + member.file_size
    yield entries
    yield packed("<4s4H2LH", b"PK\5\6", 0, 0, len(FILES), len(FILES), len(entries), offset, 0)


def _entry(member: zipfile.ZipInfo, offset: int) -> bytes:
    """Return a file's entry in the directory of an archive (APPNOTE 4.3.12)."""
    name = member.filename.encode()
    midnight, first_of_1980 = 0, 0x21
    return packed(
        "<4s4B4HL2L5H2L", b"PK\1\2", member.create_version, member.create_system, member.extract_version, 0, 0, 0,
        midnight, first_of_1980, member.CRC, member.compress_size, member.file_size, len(name), 0, 0, 0, 0,
        0o600 << 16, offset,
    ) + name  # fmt: skip


def read(directory: Path, name: str) -> bytes:
    """Return one of a model's files; InvalidError if it is missing, a link (which could lead anywhere) or too long."""
    return b"".join(read_blocks(directory, name))


def read_blocks(directory: Path, name: str) -> Iterator[bytes]:
    """Yield the blocks of one of a model's files; InvalidError as `read`."""
    path, limit = directory / name, ARCHIVE_LIMIT if name == WEIGHTS else JSON_LIMIT
    try:
        if not path.is_symlink() and path.is_file() and path.stat().st_size <= limit:
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
            return
    except OSError:
        pass  # reported below
    what = "is missing" if not path.exists() else "is no plain file of a model"
    raise InvalidError("bad_model", f"Model {directory.name}: {name} {what}; train it again.")


def digest(content: bytes) -> str:
    """Return the SHA-256 of an archive as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_and_size(directory: Path) -> tuple[str, int]:
    """Return digest and length of the archive that `blocks` yields."""
    found, size = hashlib.sha256(), 0
    for block in blocks(directory):
        found.update(block)
        size += len(block)
    return found.hexdigest(), size


def unpack(content: bytes, expected_digest: str, directory: Path) -> None:
    """Write an archive's files into a directory; InvalidError if the digest or the contents are wrong."""
    require_digest(digest(content), expected_digest)
    extract(io.BytesIO(content), directory)


def require_digest(found: str, expected: str) -> None:
    """Raise InvalidError unless an archive has the digest that its sender named."""
    if found != expected:
        raise InvalidError("digest_mismatch", "The archive does not match its digest; upload it again.")


def extract(file: BinaryIO, directory: Path) -> None:
    """Write an archive's files into a directory, all or none; InvalidError if the contents are wrong."""
    try:
        contents = _documents(file)
    except UNREADABLE as error:
        reason = str(error) or "it ends too early"
        raise InvalidError("bad_model", f"The archive cannot be read: {reason}.") from None
    for name, content in contents.items():
        parse(name, content)
    with zipfile.ZipFile(file) as archive, (directory / WEIGHTS).open("wb") as weights:
        for block in _weights(archive):
            weights.write(block)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


def _documents(file: BinaryIO) -> dict[str, bytes]:
    """Return an archive's JSON files; the weights are read for their checksum only."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sorted(member.filename for member in members) != sorted(FILES):
            raise InvalidError("bad_model", f"A model archive holds exactly {', '.join(FILES)}.")
        if any(member.compress_type != zipfile.ZIP_STORED or member.is_dir() for member in members):
            raise InvalidError("bad_model", "A model archive holds plain files, not compressed.")
        _require_short(members)
        for _block in _weights(archive):
            pass
        return {name: archive.read(name) for name in FILES if name != WEIGHTS}


def _require_short(members: list[zipfile.ZipInfo]) -> None:
    """Refuse files that are too long, and files that share bytes."""
    for member in members:
        if member.filename != WEIGHTS and member.file_size > JSON_LIMIT:
            message = f"{member.filename} has {member.file_size} bytes, at most {JSON_LIMIT} are allowed."
            raise InvalidError("bad_model", message)
    if sum(member.file_size for member in members) > ARCHIVE_LIMIT:
        raise InvalidError("bad_model", f"A model's files have at most {ARCHIVE_LIMIT} bytes together.")


def _weights(archive: zipfile.ZipFile) -> Iterator[bytes]:
    with archive.open(WEIGHTS) as weights:
        while block := weights.read(BLOCK):
            yield block


def parse(name: str, content: bytes) -> dict[str, Any]:
    """Read one of a model's JSON files.

    InvalidError unless it is a mapping of finite numbers, texts and the like, within JSON_LIMIT and VALUES_LIMIT.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text[:40]} is beyond all numbers")
        return number

    if len(content) > JSON_LIMIT or values_at_most(content) > VALUES_LIMIT:
        message = f"{name} is too large: {JSON_LIMIT} bytes and {VALUES_LIMIT} values are allowed; train with less."
        raise InvalidError("bad_model", message)
    try:
        document = json.loads(content, parse_constant=refuse, parse_float=finite)
        json.dumps(document, ensure_ascii=False).encode()  # half a character cannot be sent on
    except (ValueError, RecursionError) as error:
        raise InvalidError("bad_model", f"{name} cannot be read ({error}); train the model again.") from None
    if not isinstance(document, dict):
        raise InvalidError("bad_model", f"{name} is not a mapping; train the model again.")
    missing = [key for key in TEXTS.get(name, ()) if not isinstance(document.get(key), str)]
    missing += [key for key in LISTS.get(name, ()) if not _are_texts(document.get(key))]
    if missing:
        raise InvalidError("bad_model", f"{name} does not say {missing[0]}; train the model again.")
    return document


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
