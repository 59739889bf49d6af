"""A layer read in its directory is the layer that is read of its export, or it is none."""

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import pytest
from docker.errors import APIError

from deploy.image_config import ImageConfig
from tests.support.archives import Member, archive, chunks, diff_id, file, hardlink, layer
from tests.support.checkout import ROOT
from tests.support.overlays import exported, notes, oddities
from verify.contents import cache, in_place, members, ways
from verify.contents.archive import read_layers
from verify.contents.in_place import Changed, Refused, Walk
from verify.contents.raw_layer import RawLayer, UnreadableArchive

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices and sees trusted attributes")
# Put together here, so that no scanner for secrets takes this file for one that holds a key.
SECRET = ("-----BEGIN " + "PRIVATE KEY-----\n" + "MIIB" * 8).encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A layer's directory with every oddity."""
    (tmp_path / "layer").mkdir()
    return oddities(tmp_path / "layer", SECRET)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A layer's directory that anybody can make."""
    (tmp_path / "plain/srv").mkdir(parents=True)
    (tmp_path / "plain/srv/a").write_bytes(b"a")
    (tmp_path / "plain/srv/b").write_bytes(SECRET)
    return tmp_path / "plain"


def of(*members: Member) -> RawLayer:
    """The layer that an archive with these members holds."""
    (found,) = read_layers(chunks(archive([layer(*members)]))).values()
    return found


def dumped(found: RawLayer) -> dict[str, Any]:
    return {**vars(found), "directories": sorted(found.directories), "way": ""}


def same(one: RawLayer, other: RawLayer) -> bool:
    """Whether two layers are the same in every part, also in the order of what they hold."""
    return json.dumps(dumped(one), default=vars) == json.dumps(dumped(other), default=vars)


@AS_ROOT
def test_a_layer_with_every_oddity_is_the_same_in_place_and_in_the_export(place: Path) -> None:
    (found,) = in_place.read_layers([str(place)], [])
    assert same(found, of(*exported(place)))
    assert found.emptied == ["/srv/new"]
    assert found.removed == ["/etc/gone", "/etc/gone as well", "/etc/id_rsa", "/etc/null"]  # two hide what lay there
    assert list(found.privileged) == ["/usr/bin/ping", "/usr/bin/su"]
    assert found.permissions["/etc/shadow"] == (0, 42, 0o640)
    assert "/srv/new/caf\\xe9" in found.sizes
    assert found.links == {"/srv/new/link": "caf\\xe9", "/srv/new/link again": "caf\\xe9"}
    assert ("private key", "/opt/A.pem") in found.misplaced
    assert [path for kind, path in found.misplaced if kind == "access control list"] == ["/usr/bin", "/usr/bin/su"]
    assert found.facts["/opt/late.py"].header is not None


@AS_ROOT
def test_of_hard_links_the_first_in_a_walk_is_the_file_in_whatever_order_an_archive_has_them(place: Path) -> None:
    (found,) = in_place.read_layers([str(place)], [])
    assert found.hard["/opt/a.pem"] == "/opt/A.pem"
    first, second = (file(path, SECRET) for path in ("opt/z.pem", "opt/y.txt"))
    one = of(first, hardlink("opt/y.txt", "opt/z.pem"), hardlink("opt/zz", "opt/y.txt"))
    other = of(hardlink("opt/zz", "opt/y.txt"), second, hardlink("opt/z.pem", "opt/y.txt"))
    assert same(one, other)
    assert one.sizes == {"/opt/y.txt": len(SECRET)}
    assert one.hard == {"/opt/z.pem": "/opt/y.txt", "/opt/zz": "/opt/y.txt"}
    assert one.misplaced == [("private key", "/opt/y.txt")]


@AS_ROOT
def test_without_the_right_to_see_attributes_the_engine_s_notes_say_which_directories_are_opaque(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.setxattr(place / "opt", "trusted.overlay.opaque", b"y")
    (place / "usr/.wh..wh..opq").write_bytes(b"")
    os.mknod(place / "etc/.wh..opq", stat.S_IFCHR, 0)
    (right,) = in_place.read_layers([str(place)], [])
    assert right.emptied == ["/opt", "/srv/new"]
    assert "/etc/.wh..opq" in right.removed
    assert ("whiteout", "/usr/.wh..wh..opq") in right.misplaced
    monkeypatch.setattr(in_place, "_sees_trusted", lambda: False)
    kept = notes(tmp_path / "notes.gz", exported(place))
    (found,) = in_place.read_layers([str(place)], [str(kept)])
    assert same(found, right)
    with pytest.raises(Refused, match="cannot be seen"):
        in_place.read_layers([str(place)], [])
    kept.write_bytes(kept.read_bytes()[:40])
    with pytest.raises(Refused, match="notes"):
        in_place.read_layers([str(place)], [str(kept)])


@AS_ROOT
@pytest.mark.parametrize(("engine", "believed"), [([], "trusted"), ([["userxattr", "true"]], "user")])
def test_only_the_attributes_that_the_engine_s_kernel_believes_make_a_directory_opaque(
    plain: Path, engine: list[list[str]], believed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("trusted", "user"):
        (plain / name).mkdir()
        os.setxattr(plain / name, f"{name}.overlay.opaque", b"y")
    in_place.main(ways._request({"DriverStatus": engine}, [str(plain)], []))
    (found,) = ways._layers(capsys.readouterr().out.encode(), 1) or []
    assert found.emptied == [f"/{believed}"]


@AS_ROOT
@pytest.mark.parametrize("name", ["trusted.overlay.redirect", "trusted.overlay.metacopy", "user.overlay.redirect"])
def test_a_directory_whose_content_lies_in_another_layer_is_not_read(plain: Path, name: str) -> None:
    os.setxattr(plain / "srv", name, b"/other")
    with pytest.raises(Refused, match="another layer"):
        in_place.read_layers([str(plain)], [])


def test_a_root_that_not_everybody_may_read_counts(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_place, "_sees_trusted", lambda: True)
    plain.chmod(0o755)
    (usual,) = in_place.read_layers([str(plain)], [])
    plain.chmod(0o750)
    (unusual,) = in_place.read_layers([str(plain)], [])
    assert ("/" in usual.directories, "/" in unusual.directories) == (False, True)
    assert unusual.permissions["/"][2] == 0o750


def _as_link(top: Path) -> None:
    (top / "srv/a").unlink()
    (top / "srv/a").symlink_to("b")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is written": lambda top: (top / "srv/a").write_bytes(b"other"),
    "a file is replaced": lambda top: ((top / "new").write_bytes(b"a"), (top / "new").rename(top / "srv/a")),
    "a file is gone": lambda top: (top / "srv/a").unlink(),
    "a file is a link": _as_link,
    "a file's mode is another": lambda top: (top / "srv/a").chmod(0o777),
    "a file is added": lambda top: (top / "srv/c").write_bytes(b"c"),
    "a directory is gone": lambda top: (top / "srv").rename(top.parent / "elsewhere"),
    "the layer is gone": lambda top: top.rename(top.parent / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_layer_that_changes_before_its_files_are_read_is_none(
    plain: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = in_place._read

    def reading(files: list[in_place.File]) -> dict[str, in_place.Read]:
        change(plain)
        return read(files)

    monkeypatch.setattr(in_place, "_sees_trusted", lambda: True)
    monkeypatch.setattr(in_place, "_read", reading)
    with pytest.raises(Changed):
        in_place.read_layers([str(plain)], [])


@pytest.mark.parametrize("change", [change for name, change in CHANGES.items() if name != "a file is added"])
def test_a_file_that_changes_while_it_is_read_is_none(
    plain: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_into = members.look_into

    def looking(member: members.Member, stream: IO[bytes]) -> in_place.Read:
        if (plain / "srv/a").is_file():
            change(plain)
        return look_into(member, stream)

    monkeypatch.setattr(in_place, "_sees_trusted", lambda: True)
    monkeypatch.setattr(members, "look_into", looking)
    with pytest.raises(Changed):
        in_place.read_layers([str(plain)], [])


@pytest.mark.parametrize(("trusted", "word"), [(True, "changed"), (False, "refused")])
def test_the_reader_says_what_changed_and_why_it_refuses(
    plain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, trusted: bool, word: str
) -> None:
    monkeypatch.setattr(in_place, "_sees_trusted", lambda: trusted)
    in_place.main(ways._request({}, [str(plain), str(plain / "gone")], []))
    printed = capsys.readouterr().out.encode()
    assert list(json.loads(printed)) == [word]
    if word == "refused":
        assert ways._layers(printed, 1) is None
    else:
        with pytest.raises(UnreadableArchive, match=f"a layer changed while it was read: {plain}/gone"):
            ways._layers(printed, 1)


def test_what_is_no_answer_is_none_and_the_next_way_is_taken() -> None:
    whole = json.dumps({"layer": dumped(of(file("a", 3))) | {"way": "export"}}, default=vars).encode()
    assert ways._layers(whole + b"\n", 1) == [of(file("a", 3))]
    for printed in (
        b"",
        b"Traceback",
        b'{"refused": "no"}',
        b"{}",
        b'{"sizes": {}}',
        whole[:-3],
        whole + b"\n" + whole,
    ):
        assert ways._layers(printed, 1) is None


@AS_ROOT
def test_the_reader_needs_nothing_but_the_standard_library(place: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", ways.START, ways._packed()]
    printed = subprocess.run(
        [*command, ways._request({}, [str(place)], [])], cwd=tmp_path, check=True, capture_output=True, timeout=60
    ).stdout
    found = ways._layers(printed, 1)
    assert found is not None
    assert same(found[0], of(*exported(place)))


class Engine:
    """An engine on this machine that keeps its layers as directories, and exports them; it runs no container."""

    def __init__(self, *places: Path, base_url: str = ways.THIS_MACHINE) -> None:
        self.api, self.base_url, self.exports = self, base_url, 0
        self.layers = [layer(*exported(place)) for place in places]
        data = {"UpperDir": str(places[-1]), "LowerDir": ":".join(str(place) for place in reversed(places[:-1]))}
        self.config = ImageConfig.from_inspect(
            {
                "Id": "sha256:i",
                "RootFS": {"Layers": [diff_id(one) for one in self.layers]},
                "GraphDriver": {"Name": "overlay2", "Data": data},
            }
        )

    def info(self) -> dict[str, Any]:
        return {"DriverStatus": [["Native Overlay Diff", "true"]], "DockerRootDir": "/nowhere"}

    def images(self) -> list[dict[str, Any]]:
        return [{"Id": "base"}]

    def inspect_image(self, _name: str) -> dict[str, Any]:
        return {"Id": "base", "RootFS": {"Layers": self.config.layers[:1]}}

    def create_host_config(self, **_options: Any) -> dict[str, Any]:
        return {}

    def create_container(self, *_arguments: Any, **_options: Any) -> dict[str, Any]:
        raise APIError("bind source path does not exist")

    def get_image(self, _image: str, chunk_size: int) -> Any:
        self.exports += 1
        return chunks(archive(self.layers), chunk_size)

    def contents(self, kept: Path) -> Any:
        return cache.contents_of(cast("Any", self), self.config, kept)


@AS_ROOT
def test_who_may_reads_in_place_and_who_may_not_has_the_same_from_the_export(
    place: Path, plain: Path, tmp_path: Path
) -> None:
    found = []
    far, near, foreign = Engine(plain, place, base_url="http://far"), Engine(plain, place), Engine(plain, place)
    for number, engine in enumerate((far, near, foreign)):
        if engine is foreign:
            os.chown(plain, 100000, 100000)  # as with users that are another namespace's
        found.append(engine.contents(tmp_path / f"cache{number}"))
    assert [engine.exports for engine in (far, near, foreign)] == [1, 0, 1]
    assert [[one.way for one in contents.layers] for contents in found] == [
        ["export", "export"], ["in place", "in place"], ["export", "export"],
    ]  # fmt: skip
    documents = [contents.model_dump_json().replace('"in place"', '"export"') for contents in found]
    assert documents[0] == documents[1] == documents[2]


@AS_ROOT
def test_a_layer_that_changes_while_it_is_read_is_an_error_and_not_kept(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(plain, plain)
    monkeypatch.setattr(ways, "here", lambda *_: ways._layers(b'{"changed": "/x"}', 1))
    with pytest.raises(UnreadableArchive, match="/x"):
        engine.contents(tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_all_that_the_reader_imports_of_ours_is_handed_in() -> None:
    script = "import sys, verify.contents.in_place; print(*(name for name in sys.modules if 'contents.' in name))"
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {name.rpartition(".")[2] for name in printed.split()} == set(ways.READER)


def test_a_walk_that_meets_what_it_may_not_read_refuses(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_place: str) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", denied)
    with pytest.raises(Refused, match="Permission denied"):
        Walk(str(plain), "trusted.overlay.opaque", Counter()).walk()
