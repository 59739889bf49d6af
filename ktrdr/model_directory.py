"""Finished models on the backend's disk: directories that arrive as one archive, completely or not at all."""

import hashlib
import os
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any, Final, Self

from ktrdr.disk import flush, held, sweep
from ktrdr.errors import ConflictError, InvalidError, NotFoundError
from ktrdr.model_files import (
    CONFIG,
    FEATURES,
    FILES,
    METADATA,
    METRICS,
    digest_and_size,
    extract,
    parse,
    read,
    require_digest,
)
from ktrdr.names import is_name

INCOMING_PREFIX: Final = ".incoming-"
ARCHIVE: Final = "archive.zip"
CHECKING: Final = threading.RLock()
"""One archive is checked at a time: reading its JSON takes memory."""


def _is_model(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


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

    def stored_at(self, name: str) -> float:
        """Return when a model was stored, by this host's clock, in epoch seconds."""
        try:
            return self.path(name).stat().st_mtime
        except FileNotFoundError:  # it was removed meanwhile
            raise NotFoundError("no_model", f"No model named {name}.") from None

    def describe(self, name: str) -> dict[str, Any]:
        """Return a model's description: features, metrics and metadata."""
        path = self.path(name)
        documents = {}
        for key, file in (("features", FEATURES), ("metrics", METRICS), ("metadata", METADATA)):
            documents[key] = parse(file, read(path, file))
        return {"name": name, "model_path": f"models/{name}", **documents}

    def metadata(self, name: str) -> dict[str, Any]:
        """Return a model's metadata."""
        return parse(METADATA, read(self.path(name), METADATA))

    def config(self, name: str) -> dict[str, Any]:
        """Return a model's config, which holds the strategy that it was trained with."""
        return parse(CONFIG, read(self.path(name), CONFIG))

    def incoming(self, name: str, expected_digest: str) -> "Incoming":
        """Return a place for an archive that is to become the model of this name."""
        if not is_name(name):
            raise InvalidError("bad_name", "A model's name has letters, digits, dots, hyphens and underscores.")
        return Incoming(self.root, name, expected_digest)

    def store(self, name: str, content: bytes, expected_digest: str) -> Path:
        """Store an archive as `Incoming` does."""
        with self.incoming(name, expected_digest) as incoming:
            incoming.feed(content)
            return incoming.finish()

    def remove(self, name: str) -> None:
        """Remove a model, at once for everybody who looks for it; NotFoundError if there is none."""
        grave = self.root / f"{INCOMING_PREFIX}{secrets.token_hex(8)}"
        try:
            self.path(name).rename(grave)
        except FileNotFoundError:
            raise NotFoundError("no_model", f"No model named {name}.") from None
        flush(self.root)
        shutil.rmtree(grave, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the directories of uploads whose process died."""
        sweep(self.root, INCOMING_PREFIX)


class Incoming:
    """An archive on its way to the disk: feed it chunks, then `finish`. A context manager, which keeps all or none.

    The same archive is accepted again, because a worker without an answer repeats the upload. Another archive is a
    ConflictError, a damaged one an InvalidError, a failing disk an OSError.
    """

    def __init__(self, root: Path, name: str, expected_digest: str) -> None:
        self._target = root / name
        self._expected = expected_digest
        self._digest = hashlib.sha256()
        root.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=INCOMING_PREFIX, dir=root))
        self._handle = held(self._folder)
        self._archive = (self._folder / ARCHIVE).open("w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self._archive.close()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._handle)

    def feed(self, chunk: bytes) -> None:
        """Accept the next bytes."""
        self._digest.update(chunk)
        self._archive.write(chunk)

    def finish(self) -> Path:
        """Check the archive and make it the model; return its directory."""
        require_digest(self._digest.hexdigest(), self._expected)
        if _is_model(self._target):
            return self._same()
        with CHECKING:
            extract(self._archive, self._folder)
        self._archive.close()
        (self._folder / ARCHIVE).unlink()
        self._folder.chmod(0o755)
        for path in (*(self._folder / name for name in FILES), self._folder):
            flush(path)
        try:
            self._folder.rename(self._target)
        except OSError:
            if not os.path.lexists(self._target):
                raise
            return self._same()  # another upload was faster, or the name is taken
        flush(self._target.parent)
        return self._target

    def _same(self) -> Path:
        name = self._target.name
        if not _is_model(self._target):
            raise ConflictError("model_exists", f"{name} cannot be a model's name: something else has it.")
        if digest_and_size(self._target)[0] != self._expected:
            raise ConflictError("model_exists", f"Another model is named {name} already.")
        return self._target
