"""Finished models on the backend's disk: directories that arrive as one archive, verified by digest. Torch-free."""

import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

from ktrdr.disk import abandoned, flush
from ktrdr.errors import ConflictError, InvalidError, NotFoundError
from ktrdr.names import is_name

log = logging.getLogger(__name__)

WEIGHTS: Final = "weights.safetensors"
CONFIG: Final = "config.json"
FEATURES: Final = "features.json"
METRICS: Final = "metrics.json"
METADATA: Final = "metadata.json"
FILES: Final = (WEIGHTS, CONFIG, FEATURES, METRICS, METADATA)
TEXTS: Final = {METADATA: ("strategy_name", "created_at")}
LISTS: Final = {METADATA: ("symbols", "timeframes")}
"""Required keys that backend and page read: texts, and lists of texts."""
ARCHIVE_LIMIT: Final = 64 * 1024 * 1024
INCOMING_PREFIX: Final = ".incoming-"
UNREADABLE: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises over a damaged archive."""


def pack(directory: Path) -> bytes:
    """Return a model directory as an uncompressed zip archive, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in FILES:
            archive.writestr(zipfile.ZipInfo(name), read(directory, name))
    return buffer.getvalue()


def read(directory: Path, name: str) -> bytes:
    """Return one of a model's files; InvalidError if it is missing, a link (which could lead anywhere) or too long."""
    path = directory / name
    try:
        if not path.is_symlink() and path.is_file() and path.stat().st_size <= ARCHIVE_LIMIT:
            return path.read_bytes()
    except OSError:
        pass  # reported below
    what = "is missing" if not path.exists() else "is no plain file of a model"
    raise InvalidError("bad_model", f"Model {directory.name}: {name} {what}; train it again.")


def _is_model(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def digest(content: bytes) -> str:
    """Return the SHA-256 of an archive as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def unpack(content: bytes, expected_digest: str, directory: Path) -> None:
    """Write an archive's files into a directory; InvalidError if the digest or the contents are wrong."""
    if digest(content) != expected_digest:
        raise InvalidError("digest_mismatch", "The archive does not match its digest; upload it again.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(FILES):
                raise InvalidError("bad_model", f"A model archive holds exactly {', '.join(FILES)}.")
            if any(member.compress_type != zipfile.ZIP_STORED or member.is_dir() for member in members):
                raise InvalidError("bad_model", "A model archive holds plain files, not compressed.")
            contents = {name: archive.read(name) for name in FILES}
    except UNREADABLE as error:
        reason = str(error) or "it ends too early"
        raise InvalidError("bad_model", f"The archive cannot be read: {reason}.") from None
    for name in FILES:
        if name != WEIGHTS:
            parse(name, contents[name])
    for name in FILES:
        (directory / name).write_bytes(contents[name])


def parse(name: str, content: bytes) -> dict[str, Any]:
    """Read one of a model's JSON files; InvalidError unless it is a mapping of finite numbers, texts and the like."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON number")

    try:
        document = json.loads(content, parse_constant=refuse)
        json.dumps(document, allow_nan=False)
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


class ModelDirectory:
    """The directory of models, one directory each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Return the names of all models, sorted. Links are left out, because they could lead anywhere."""
        return sorted(path.name for path in self.root.glob("*") if is_name(path.name) and _is_model(path))

    def path(self, name: str) -> Path:
        """Return a model's directory; NotFoundError if there is none."""
        path = self.root / name
        if not is_name(name) or not _is_model(path):
            raise NotFoundError("no_model", f"No model named {name[:100]}.")
        return path

    def describe(self, name: str) -> dict[str, Any]:
        """Return a model's description: features, metrics and metadata."""
        path = self.path(name)
        documents = {}
        for key, file in (("features", FEATURES), ("metrics", METRICS), ("metadata", METADATA)):
            documents[key] = parse(file, read(path, file))
        return {"name": name, "model_path": f"models/{name}", **documents}

    def readable(self) -> list[dict[str, Any]]:
        """Describe every readable model; a damaged one hides no other."""
        found = []
        for name in self.names():
            try:
                found.append(self.describe(name))
            except InvalidError as error:
                log.warning("%s", error)
        return found

    def archive(self, name: str) -> bytes:
        """Return a model as an archive."""
        return pack(self.path(name))

    def store(self, name: str, content: bytes, expected_digest: str) -> Path:
        """Store an archive under a new name, completely or not at all.

        The same archive is accepted again, because a worker without an answer repeats the upload. Another archive is a
        ConflictError, a damaged one an InvalidError, a failing disk an OSError.
        """
        if not is_name(name):
            raise InvalidError("bad_name", "A model's name has letters, digits, dots, hyphens and underscores.")
        target = self.root / name
        if _is_model(target):
            return self._same(target, expected_digest)
        self.root.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=INCOMING_PREFIX, dir=self.root))
        try:
            unpack(content, expected_digest, incoming)
            incoming.chmod(0o755)
            for path in (*(incoming / name for name in FILES), incoming):
                flush(path)
            try:
                incoming.rename(target)
            except OSError:
                if not os.path.lexists(target):
                    raise
                return self._same(target, expected_digest)  # another upload was faster, or the name is taken
            flush(self.root)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return target

    def _same(self, target: Path, expected_digest: str) -> Path:
        if not _is_model(target):
            raise ConflictError("model_exists", f"{target.name} cannot be a model's name: something else has it.")
        if digest(pack(target)) != expected_digest:
            raise ConflictError("model_exists", f"Another model is named {target.name} already.")
        return target

    def sweep(self) -> None:
        """Remove the directories of uploads whose process died."""
        for path in abandoned(self.root, INCOMING_PREFIX):
            shutil.rmtree(path, ignore_errors=True)
