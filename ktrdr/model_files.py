"""Finished models on the backend's disk: directories that arrive as one archive, checked by digest. Torch-free."""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

from ktrdr.errors import ConflictError, InvalidError, NotFoundError
from ktrdr.names import is_name

WEIGHTS: Final = "weights.safetensors"
CONFIG: Final = "config.json"
FEATURES: Final = "features.json"
METRICS: Final = "metrics.json"
METADATA: Final = "metadata.json"
FILES: Final = (WEIGHTS, CONFIG, FEATURES, METRICS, METADATA)
ARCHIVE_LIMIT: Final = 64 * 1024 * 1024
INCOMING_PREFIX: Final = ".incoming-"


def pack(directory: Path) -> bytes:
    """Return a model directory as an uncompressed zip archive, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in FILES:
            archive.writestr(zipfile.ZipInfo(name), (directory / name).read_bytes())
    return buffer.getvalue()


def digest(content: bytes) -> str:
    """Return the SHA-256 of an archive as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def unpack(content: bytes, expected_digest: str, directory: Path) -> None:
    """Write an archive's files into a directory; InvalidError where the digest or the contents do not fit."""
    if digest(content) != expected_digest:
        raise InvalidError("digest_mismatch", "The archive is not what its digest says; upload it again.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {member.filename: member.file_size for member in archive.infolist()}
            if sorted(members) != sorted(FILES) or sum(members.values()) > ARCHIVE_LIMIT:
                raise InvalidError("bad_model", f"A model archive holds exactly {', '.join(FILES)}.")
            for name in FILES:
                (directory / name).write_bytes(archive.read(name))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidError("bad_model", f"The archive cannot be read: {error}.") from None


class ModelDirectory:
    """The directory of models, one directory each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Return the names of all models, sorted."""
        return sorted(path.name for path in self.root.glob("*") if is_name(path.name) and path.is_dir())

    def path(self, name: str) -> Path:
        """Return a model's directory; NotFoundError where there is none."""
        path = self.root / name
        if not is_name(name) or not path.is_dir():
            raise NotFoundError("no_model", f"No model named {name[:100]}.")
        return path

    def describe(self, name: str) -> dict[str, Any]:
        """Return what a model says of itself: features, metrics and metadata."""
        path = self.path(name)
        documents = {}
        for key, file in (("features", FEATURES), ("metrics", METRICS), ("metadata", METADATA)):
            try:
                documents[key] = json.loads((path / file).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                raise InvalidError("bad_model", f"Model {name}: {file} cannot be read; train it again.") from None
        return {"name": name, "model_path": f"models/{name}", **documents}

    def archive(self, name: str) -> bytes:
        """Return a model as an archive."""
        return pack(self.path(name))

    def store(self, name: str, content: bytes, expected_digest: str) -> Path:
        """Keep an archive under a new name, all of it or nothing.

        The same archive again is accepted (a worker that got no answer repeats itself); another one is a
        ConflictError, a damaged one an InvalidError.
        """
        if not is_name(name):
            raise InvalidError("bad_name", "A model's name has letters, digits, dots, hyphens and underscores.")
        target = self.root / name
        if target.is_dir():
            if digest(self.archive(name)) != expected_digest:
                raise ConflictError("model_exists", f"Another model is named {name} already.")
            return target
        self.root.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=INCOMING_PREFIX, dir=self.root))
        try:
            unpack(content, expected_digest, incoming)
            incoming.chmod(0o755)
            incoming.rename(target)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return target

    def sweep(self) -> None:
        """Remove what uploads left behind when the process died."""
        for path in self.root.glob(INCOMING_PREFIX + "*"):
            shutil.rmtree(path, ignore_errors=True)
