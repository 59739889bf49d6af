"""What the contract's own checks name is found in the image's environment, and in what is read."""

import io
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from docker.errors import NotFound

from deploy.image_config import ImageConfig
from deploy.own_checks import CommandCheck
from verify.observe.own import IS_DIRECTORY, _directories, environment_of, found_in, substituted

CONFIG = ImageConfig("sha256:x", "sha256:y", (), environment={"PATH": "/bin", "HOME": "/home/a"})
LINK = "-> "  # how a tree below writes a link, before where it leads


class Answer:
    """An engine's answer, which is open until it is closed."""

    def __init__(self, data: bytes) -> None:
        self.parts, self.open = iter([data]), True

    def __iter__(self) -> Iterator[bytes]:
        return self.parts

    def __next__(self) -> bytes:
        return next(self.parts)

    def close(self) -> None:
        self.open = False


class FakeFiles:
    """An engine that hands over what lies at a path: of a link, the link itself, with where it leads."""

    def __init__(self, tree: Mapping[str, str]) -> None:
        self.tree, self.answers = {"/": "directory", **tree}, list[Answer]()

    def get_archive(self, _container: str, path: str, **_values: Any) -> tuple[Answer, dict[str, Any]]:
        if path not in self.tree:
            raise NotFound("", explanation=f"Could not find the file {path} in container c1")
        kind, data = self.tree[path], io.BytesIO()
        inside = [one for one in self.tree if one.startswith(path.rstrip("/") + "/") and one != path]
        with tarfile.open(fileobj=data, mode="w") as archive:
            for one in [path, *inside]:
                member = tarfile.TarInfo(posixpath.relpath(one, posixpath.dirname(path)))
                member.type = tarfile.DIRTYPE if self.tree[one] == "directory" else tarfile.SYMTYPE
                archive.addfile(member)
        self.answers.append(Answer(data.getvalue()))
        mode, target = IS_DIRECTORY if kind == "directory" else 0, kind.partition(LINK)[2]
        return self.answers[-1], {"mode": mode, "linkTarget": target}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("/x:$PATH", "/x:/bin"),
        ("${HOME}s/$HOMES/$HOME.", "/home/as///home/a."),
        ("$NOPE-$$-$1x", "--x"),
        ("a $ b $", "a $ b $"),
    ],
)
def test_a_variable_in_a_text_is_the_image_s_as_go_expands_it(text: str, becomes: str) -> None:
    assert substituted(text, CONFIG.environment) == becomes


def test_a_check_s_own_variables_may_name_the_image_s_and_earlier_ones() -> None:
    own = {"PATH": "/x:$PATH", "TOOLS": "$PATH/tools"}
    check = CommandCheck(name="a", command=["x"], environment=own)
    assert environment_of(check, CONFIG) == {"PATH": "/x:/bin", "HOME": "/home/a", "TOOLS": "/x:/bin/tools"}


def test_what_of_the_expressions_is_in_a_text_is_told_each_once() -> None:
    assert found_in("one\ntwo\n", ["^one", "two$", "(?m)two$", "^one", "three"]) == ["^one", "(?m)two$"]


@pytest.mark.parametrize("above", ["/lib", "/sbin"], ids=["one link", "a link to a link"])
def test_the_directories_below_a_link_are_those_below_where_it_leads(above: str) -> None:
    usr = {"/usr": "directory", "/usr/lib": "directory", "/usr/lib/x86_64-linux-gnu": "directory"}
    engine = FakeFiles({**usr, "/lib": f"{LINK}/usr/lib", "/sbin": f"{LINK}/lib"})
    assert _directories(engine, "c1", above) == ["x86_64-linux-gnu"]
    assert not any(answer.open for answer in engine.answers)


def test_links_that_lead_in_a_circle_or_nowhere_lead_to_no_directory() -> None:
    engine = FakeFiles({"/a": f"{LINK}/b", "/b": f"{LINK}/a", "/c": f"{LINK}/c", "/d": f"{LINK}/none"})
    assert [_directories(engine, "c1", path) for path in ("/a", "/c", "/d")] == [[], [], []]
