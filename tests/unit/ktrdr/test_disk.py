"""What has been stored outlives a power failure."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.data.upload import Upload
from ktrdr.disk import flush
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import FILES, digest, pack

MODEL = '{"strategy_name": "s", "created_at": "2024-01-01", "symbols": [], "timeframes": []}'


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed, by name, and "named" where something gets its name; in their order."""
    done: list[str] = []

    def naming(of: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def named(path: Path, target: Path) -> Path:
            done.append("named")
            return of(path, target)

        return named

    def fsync(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        done.append("temporary" if name.startswith(".") else name)

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, naming(getattr(Path, name)))
    return done


def test_bars_are_on_the_disk_before_they_have_their_name_and_then_the_name_is(tmp_path: Path, done: list[str]) -> None:
    with Upload(tmp_path / "EURUSD_1h.csv", "1h") as upload:
        upload.feed(b"timestamp,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1,10\n")
        upload.finish()
    assert done == ["temporary", "named", tmp_path.name]


def test_a_model_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(tmp_path: Path, done: list[str]) -> None:
    for name in FILES:
        (tmp_path / name).write_text(MODEL)
    archive = pack(tmp_path)
    ModelDirectory(tmp_path / "models").store("m1", archive, digest(archive))
    assert done == [*FILES, "temporary", "named", "models"]


@pytest.mark.parametrize(("reason", "told"), [(errno.EINVAL, False), (errno.EBADF, False), (errno.EIO, True)])
def test_a_disk_that_fails_is_told_and_one_that_flushes_no_directories_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int, *, told: bool
) -> None:
    def fsync(_handle: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "fsync", fsync)
    if told:
        with pytest.raises(OSError, match="Input/output error"):
            flush(tmp_path)
    else:
        flush(tmp_path)
