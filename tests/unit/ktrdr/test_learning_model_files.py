"""Models on the backend's disk: whole or not at all, plain files only, and no name leads elsewhere."""

import errno
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.errors import ConflictError, InvalidError, KtrdrError, NotFoundError
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import (
    FEATURES,
    FILES,
    JSON_LIMIT,
    METADATA,
    METRICS,
    VALUES_LIMIT,
    WEIGHTS,
    digest,
    digest_and_size,
    extract,
    pack,
    unpack,
)  # fmt: skip

ABOUT = {
    "strategy_name": "s", "created_at": "2024-01-01T00:00:00+00:00", "symbols": ["EURUSD"], "timeframes": ["1h"],
}  # fmt: skip
SOUND = json.dumps(ABOUT).encode()


def archive_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


GOOD = archive_of(dict.fromkeys(FILES, SOUND))


@pytest.fixture
def models(tmp_path: Path) -> ModelDirectory:
    return ModelDirectory(tmp_path / "models")


def test_a_stored_model_comes_back_bit_for_bit(models: ModelDirectory) -> None:
    models.store("m1", GOOD, digest(GOOD))
    assert models.names() == ["m1"]
    assert pack(models.path("m1")) == GOOD
    assert digest_and_size(models.path("m1")) == (digest(GOOD), len(GOOD))
    assert models.describe("m1")["metadata"] == json.loads(SOUND)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../m", "a/b", "/etc", "a\\b/../c", "-m", ".incoming-x", "a" * 101, "a\n", "a\0", "m%2f.."]
)
def test_no_name_leads_out_of_the_directory(models: ModelDirectory, name: str) -> None:
    with pytest.raises(InvalidError):
        models.store(name, GOOD, digest(GOOD))
    for action in (models.path, models.describe, models.metadata, models.stored_at, models.remove):
        with pytest.raises(NotFoundError):
            action(name)
    assert not models.root.exists()


@pytest.mark.parametrize(
    "members",
    [
        {},
        dict.fromkeys((*FILES, "more.txt"), SOUND),
        dict.fromkeys(FILES[1:], SOUND),
        dict.fromkeys((*FILES[1:], "../" + WEIGHTS), SOUND),
        dict.fromkeys((*FILES[1:], "/" + WEIGHTS), SOUND),
        dict.fromkeys((*FILES[1:], WEIGHTS + "/"), b""),
        dict.fromkeys(FILES, SOUND) | {METRICS: b"[]"},
        dict.fromkeys(FILES, SOUND) | {METRICS: b'{"test_accuracy": NaN}'},
        dict.fromkeys(FILES, SOUND) | {METRICS: b'{"test_accuracy": 1e999}'},
        dict.fromkeys(FILES, SOUND) | {METRICS: b"[" * 100_000},
        dict.fromkeys(FILES, SOUND) | {METADATA: b"{}"},
        dict.fromkeys(FILES, SOUND) | {METADATA: json.dumps(ABOUT | {"strategy_name": 1, "created_at": None}).encode()},
        *(
            dict.fromkeys(FILES, SOUND) | {METADATA: json.dumps(ABOUT | {key: value}).encode()}
            for key in ("symbols", "timeframes")
            for value in (None, "1h", {"1h": 1}, ["1h", 1], [["1h"]])
        ),
        dict.fromkeys(FILES, SOUND) | {METADATA: b"\xff"},
        dict.fromkeys(FILES, SOUND) | {METRICS: b'{"text": "\\ud800"}'},
        dict.fromkeys(FILES, SOUND) | {FEATURES: b'{"a":[' + b"[]," * VALUES_LIMIT + b"[]]}"},
        dict.fromkeys(FILES, SOUND) | {METRICS: b'{"a":"' + b"x" * JSON_LIMIT + b'"}'},
        dict.fromkeys(FILES, SOUND) | {WEIGHTS + "2": b"x" * JSON_LIMIT},
    ],
)
def test_an_archive_of_anything_but_a_models_files_is_refused(
    models: ModelDirectory, members: dict[str, bytes]
) -> None:
    content = archive_of(members)
    with pytest.raises(InvalidError, match=r"\."):
        models.store("m1", content, digest(content))
    assert list(models.root.iterdir()) == []


def test_a_compressed_archive_is_refused_before_it_is_unpacked(models: ModelDirectory) -> None:
    bomb = archive_of(dict.fromkeys(FILES, bytes(50_000_000)), zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidError, match="not compressed"):
        models.store("m1", bomb, digest(bomb))


def test_a_file_that_is_there_twice_is_refused(models: ModelDirectory) -> None:
    buffer = io.BytesIO(GOOD)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(zipfile.ZipInfo(WEIGHTS), b"other")
    with pytest.raises(InvalidError, match="exactly"):
        models.store("m1", buffer.getvalue(), digest(buffer.getvalue()))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_refused_or_harmless_and_never_a_traceback(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with tempfile.TemporaryDirectory() as directory:
        try:
            unpack(cut, digest(cut), Path(directory))
        except KtrdrError:
            assert not list(Path(directory).iterdir())
        else:
            assert {path.name for path in Path(directory).iterdir()} == set(FILES)


def test_no_single_byte_of_an_archive_makes_more_than_a_refusal(tmp_path: Path) -> None:
    refused = []
    for place in range(len(GOOD)):
        for value in (0x00, 0x01, 0x7F, 0xFF):
            content = GOOD[:place] + bytes([value]) + GOOD[place + 1 :]
            try:
                unpack(content, digest(content), tmp_path)
            except InvalidError as error:
                refused.append(error.message)
    assert len(refused) > len(GOOD)
    assert not [message for message in refused if message.endswith(": .")]


def test_an_archive_whose_files_begin_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(GOOD)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.infolist()[0].header_offset = 2**63
        archive._didModify = True  # type: ignore[attr-defined]  # so that it writes its directory again
    with pytest.raises(InvalidError, match="cannot be read"):
        unpack(buffer.getvalue(), digest(buffer.getvalue()), tmp_path)


def test_links_are_neither_models_nor_files_of_one(models: ModelDirectory, tmp_path: Path) -> None:
    models.store("m1", GOOD, digest(GOOD))
    (models.root / "link").symlink_to(models.root / "m1")
    assert models.names() == ["m1"]
    with pytest.raises(NotFoundError):
        models.path("link")
    with pytest.raises(NotFoundError):
        models.remove("link")
    with pytest.raises(ConflictError):
        models.store("link", GOOD, digest(GOOD))
    secret = tmp_path / "secret"
    secret.write_bytes(SOUND)
    (models.root / "m1" / METRICS).unlink()
    (models.root / "m1" / METRICS).symlink_to(secret)
    for action in (models.describe, lambda name: pack(models.path(name))):
        with pytest.raises(InvalidError, match=r"metrics\.json is no plain file"):
            action("m1")


def test_the_same_model_again_is_accepted_and_another_one_is_not(models: ModelDirectory) -> None:
    other = archive_of(dict.fromkeys(FILES, SOUND) | {WEIGHTS: b"other"})
    assert models.store("m1", GOOD, digest(GOOD)) == models.store("m1", GOOD, digest(GOOD))
    with pytest.raises(ConflictError):
        models.store("m1", other, digest(other))
    (models.root / "file").write_text("not a model")
    with pytest.raises(ConflictError):
        models.store("file", GOOD, digest(GOOD))
    assert sorted(path.name for path in models.root.iterdir()) == ["file", "m1"]


def test_the_same_model_is_accepted_while_its_first_upload_is_ending(
    models: ModelDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = archive_of(dict.fromkeys(FILES, SOUND) | {WEIGHTS: b"other"})

    def faster(file: BinaryIO, directory: Path) -> None:
        extract(file, directory)
        monkeypatch.setattr("ktrdr.model_directory.extract", extract)
        models.store("m1", GOOD, digest(GOOD))

    monkeypatch.setattr("ktrdr.model_directory.extract", faster)
    assert models.store("m1", GOOD, digest(GOOD)) == models.root / "m1"
    shutil.rmtree(models.root / "m1")
    monkeypatch.setattr("ktrdr.model_directory.extract", faster)
    with pytest.raises(ConflictError):
        models.store("m1", other, digest(other))
    assert models.names() == [path.name for path in models.root.iterdir()] == ["m1"]


def test_a_full_disk_is_no_model_of_the_same_name(models: ModelDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place in ("write_bytes", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, place, full)
            with pytest.raises(OSError, match="No space left"):
                models.store("m1", GOOD, digest(GOOD))
    assert list(models.root.iterdir()) == []
