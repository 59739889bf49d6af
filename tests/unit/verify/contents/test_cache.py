"""Contents are read once: kept by the image's identity, its layers by what was read of them."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.image_config import ImageConfig
from tests.support.archives import archive, chunks, diff_id, file, layer
from verify.contents import cache
from verify.contents.model import Contents
from verify.contents.raw_layer import UnreadableArchive

BASE, CORE = layer(file("usr/bin/python", b"base")), layer(file("etc/hosts", 40))
OLD, NEW = layer(file("app.py", b"one")), layer(file("app.py", b"other"))


class Engine:
    """An engine that exports images, as the docker SDK shows it, and counts how often."""

    base_url = "http://far"

    def __init__(self, *layers: bytes) -> None:
        self.api, self.layers, self.exports = self, layers, 0

    def info(self) -> dict[str, Any]:
        return {"Driver": "zfs"}

    def get_image(self, _image: str, chunk_size: int) -> Iterator[bytes]:
        self.exports += 1
        return chunks(archive(self.layers), chunk_size)

    @property
    def config(self) -> ImageConfig:
        return self.configured({"Env": ["PATH=/usr/bin"]})

    def configured(self, config: dict[str, Any]) -> ImageConfig:
        layers = [diff_id(one) for one in self.layers]
        return ImageConfig.from_inspect({"Id": "sha256:i", "RootFS": {"Layers": layers}, "Config": config})


class Slow(Engine):
    """An engine that tells when it is asked, and exports when it is told to."""

    def __init__(self, *layers: bytes) -> None:
        super().__init__(*layers)
        self.within, self.go_on = threading.Event(), threading.Event()

    def get_image(self, image: str, chunk_size: int) -> Iterator[bytes]:
        self.within.set()
        self.go_on.wait(10)
        return super().get_image(image, chunk_size)


ContentsOf = Callable[[Any], Contents]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def contents_of(folder: Path) -> ContentsOf:
    """Read an image's contents with the test's own cache."""
    return lambda engine: cache.contents_of(engine, engine.config, folder)


def test_an_image_that_is_known_is_not_exported_again(contents_of: ContentsOf) -> None:
    engine = Engine(BASE, CORE, OLD)
    assert contents_of(engine) == contents_of(engine)
    assert engine.exports == 1


def test_what_the_user_is_meant_to_write_is_kept_by_those_directories_too(folder: Path) -> None:
    engine: Any = Engine(BASE, layer(replace(file("data/k.db", 4), mode=0o666)), OLD)
    for directories, told in (([], ["/data/k.db"]), (["/srv", "/data"], []), (["/srv"], ["/data/k.db"])):
        for _ in range(2):
            assert cache.contents_of(engine, engine.config, folder, directories).writable == dict.fromkeys(told, 1)
    assert engine.exports == 1


def test_an_image_of_known_layers_is_not_exported(contents_of: ContentsOf) -> None:
    contents_of(Engine(BASE, CORE, OLD))
    engine = Engine(CORE, BASE)
    assert [one.files for one in contents_of(engine).layers] == [1, 1]
    assert engine.exports == 0


def test_what_is_put_together_from_kept_layers_is_what_is_read_at_once(folder: Path, contents_of: ContentsOf) -> None:
    contents_of(Engine(BASE, CORE, OLD))
    together = contents_of(Engine(BASE, CORE, NEW))
    for path in folder.rglob("*.json"):
        path.unlink()
    assert contents_of(Engine(BASE, CORE, NEW)) == together


def test_a_layer_that_was_read_from_another_image_serves_as_well(contents_of: ContentsOf) -> None:
    contents_of(Engine(BASE, CORE, OLD))
    contents_of(Engine(NEW))
    engine = Engine(BASE, CORE, NEW)
    assert [one.diff_id for one in contents_of(engine).layers] == [diff_id(BASE), diff_id(CORE), diff_id(NEW)]
    assert engine.exports == 0


def test_a_layer_that_is_another_than_the_image_s_is_of_no_use(contents_of: ContentsOf) -> None:
    contents_of(Engine(BASE, CORE, OLD))
    contents_of(Engine(layer(file("app.py", b"a lie"))))
    engine = Engine(BASE, CORE, NEW)
    contents_of(engine)
    assert engine.exports == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sizes": 5}'])
def test_a_kept_layer_that_is_damaged_is_read_again(folder: Path, text: str, contents_of: ContentsOf) -> None:
    right = contents_of(Engine(BASE, OLD))
    for path in folder.rglob("*.json"):
        path.write_text(text, encoding="utf-8")
    engine = Engine(BASE, OLD)
    assert contents_of(engine) == right
    assert engine.exports == 1


def test_an_export_without_one_of_the_image_s_layers_is_told(folder: Path) -> None:
    engine: Any = Engine(BASE, OLD)
    with pytest.raises(UnreadableArchive, match=diff_id(NEW)):
        cache.contents_of(engine, Engine(BASE, NEW).config, folder)


@pytest.mark.parametrize("place", ["nothing/in/it", "f" * 300], ids=["below a file", "a name that is none"])
def test_contents_are_read_again_where_nothing_can_be_kept(tmp_path: Path, place: str, contents_of: ContentsOf) -> None:
    right = contents_of(Engine(BASE, CORE, OLD))
    (tmp_path / "nothing").touch()
    engine = Engine(BASE, CORE, OLD)
    for _ in range(2):
        assert cache.contents_of(cast("Any", engine), engine.config, tmp_path / place) == right
    assert engine.exports == 2


def test_contents_are_read_where_the_cache_has_no_room(
    monkeypatch: pytest.MonkeyPatch, contents_of: ContentsOf
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    right = contents_of(Engine(BASE, CORE))
    monkeypatch.setattr(cache, "write_text", full)
    monkeypatch.setattr(cache, "write_model", full)
    engine = Engine(BASE, CORE, OLD)
    assert contents_of(engine).layers[:2] == right.layers
    assert engine.exports == 1


def test_what_was_written_more_than_two_weeks_ago_goes_when_something_new_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, contents_of: ContentsOf
) -> None:
    contents_of(Engine(BASE, OLD))
    now, day = time.time(), 24 * 3600
    for kind in ("contents", "layers"):
        for name, days in (("a" * 16, 13), ("b" * 16, 15)):
            (folder / kind / name).mkdir()
            (folder / kind / name / "c.json").touch()
            os.utime(folder / kind / name, (now, now - days * day))
    earlier = cache.reader()
    (of_the_base,) = (one for one in (folder / "layers" / earlier).glob("*.json") if diff_id(BASE)[7:] in one.name)
    os.utime(of_the_base, (now, now - 15 * day))
    contents_of(Engine(NEW))
    assert not of_the_base.exists()
    monkeypatch.setattr(cache, "reader", lambda: "d" * 16)
    contents_of(Engine(BASE, NEW))
    for kind in ("contents", "layers"):
        assert {path.name for path in (folder / kind).iterdir()} == {earlier, "a" * 16, "d" * 16}


def test_images_read_at_once_have_what_they_share_read_once(contents_of: ContentsOf) -> None:
    slow, second = Slow(BASE, CORE), Engine(BASE, CORE)
    threads = [threading.Thread(target=contents_of, args=[one]) for one in (slow, second)]
    threads[0].start()
    slow.within.wait(10)
    threads[1].start()
    threads[1].join(0.2)  # long enough for one that does not wait for its turn
    slow.go_on.set()
    for thread in threads:
        thread.join(10)
    assert (slow.exports, second.exports) == (1, 0)


def test_who_waits_for_a_layer_reads_its_own_ones_meanwhile(contents_of: ContentsOf) -> None:
    slow, quick = Slow(BASE, CORE, OLD), Engine(BASE, CORE, NEW)
    threads = [threading.Thread(target=contents_of, args=[one]) for one in (slow, quick)]
    threads[0].start()
    slow.within.wait(10)
    threads[1].start()
    end = time.monotonic() + 10
    while not quick.exports and time.monotonic() < end:
        time.sleep(0.01)
    slow.go_on.set()
    for thread in threads:
        thread.join(10)
    assert (slow.exports, quick.exports) == (1, 1)


def test_a_reading_that_fails_leaves_the_layers_to_the_next_one(contents_of: ContentsOf) -> None:
    class Broken(Slow):
        def get_image(self, image: str, chunk_size: int) -> Iterator[bytes]:
            super().get_image(image, chunk_size)
            raise UnreadableArchive

    def read() -> None:
        with pytest.raises(UnreadableArchive):
            contents_of(broken)

    broken, second = Broken(BASE, CORE), Engine(BASE, CORE)
    threads = [threading.Thread(target=read), threading.Thread(target=contents_of, args=[second])]
    threads[0].start()
    broken.within.wait(10)
    threads[1].start()
    broken.go_on.set()
    for thread in threads:
        thread.join(10)
    assert second.exports == 1


def test_reading_layers_is_told_before_it_begins_and_not_where_all_are_known(folder: Path) -> None:
    engine: Any = Engine(BASE, CORE)
    told: list[int] = []
    for _ in range(2):
        cache.contents_of(engine, engine.config, folder, begin=lambda: told.append(engine.exports))
    assert told == [0]


def test_what_images_do_not_share_is_read_at_the_same_time(contents_of: ContentsOf) -> None:
    both = threading.Barrier(2, timeout=10)

    class Meeting(Engine):
        def get_image(self, image: str, chunk_size: int) -> Iterator[bytes]:
            both.wait()
            return super().get_image(image, chunk_size)

    engines = [Meeting(OLD), Meeting(NEW)]
    threads = [threading.Thread(target=contents_of, args=[one]) for one in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [one.exports for one in engines] == [1, 1]
