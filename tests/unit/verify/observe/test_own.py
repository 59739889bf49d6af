"""What the contract's own checks name is found in the image's environment, and in what is read."""

import io
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound

from deploy.image_config import ImageConfig
from deploy.own_checks import CommandCheck
from verify.observe.containers import OUTPUT_AT_MOST, Gate
from verify.observe.model import CommandSeen
from verify.observe.own import (
    IS_DIRECTORY,
    KEPT,
    Place,
    _directories,
    environment_of,
    found_in,
    look,
    substituted,
)

CONFIG = ImageConfig("sha256:x", "sha256:y", (), environment={"PATH": "/bin", "HOME": "/home/a"})
CUT = "ghp_" + "a1" * 18  # a token that is none once its last characters are cut off
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


class FakeRuns:
    """An engine on which every command prints the same and ends with the same code, or is refused."""

    def __init__(self, stdout: str = "", code: int = 0, refusal: str = "") -> None:
        self.stdout, self.code, self.refusal, self.ran = stdout, code, refusal, list[list[str]]()

    def create_host_config(self, **values: Any) -> dict[str, Any]:
        return values

    def create_container(self, _image: str, *, entrypoint: list[str], **_values: Any) -> dict[str, str]:
        self.ran.append(entrypoint)
        return {"Id": f"c{len(self.ran)}"}

    def attach(self, _container: str, **_values: Any) -> Iterator[tuple[bytes, bytes]]:
        return ((part, part) for part in [self.stdout.encode()])

    def start(self, _container: str) -> None:
        if self.refusal:
            raise APIError("", explanation=self.refusal)

    def inspect_container(self, container: str) -> dict[str, Any]:
        state = {"StartedAt": "2026-11-21T10:00:00Z", "FinishedAt": "2026-11-21T10:00:01Z", "ExitCode": self.code}
        return {"Id": container, "Image": "sha256:x", "State": state}

    def commit(self, _container: str) -> dict[str, str]:
        return {"Id": "sha256:made"}

    def wait(self, _container: str) -> None: ...

    def kill(self, _container: str) -> None: ...

    def remove_container(self, _container: str, *, force: bool, v: bool) -> None: ...

    def remove_image(self, _image: str, *, force: bool) -> None: ...


def seen_of(engine: FakeRuns, check: CommandCheck, **environment: str) -> CommandSeen:
    """What is seen of a command check on this engine, in an image with these variables."""
    config = ImageConfig("sha256:x", "sha256:y", (), environment=environment)
    client: Any = SimpleNamespace(api=engine, ping=lambda: None)
    return look(Place(client, Gate(), config, "own", {}, ()), [check]).commands[check.name]


@pytest.mark.parametrize("before", [KEPT - 17, KEPT - 12])
def test_a_secret_is_hidden_wherever_what_is_printed_is_cut(before: int) -> None:
    seen = seen_of(FakeRuns(f"{'x ' * KEPT}"[-before:] + CUT), CommandCheck(name="a", command=["x"]))
    assert "a1" not in seen.stdout + seen.stderr
    assert "x x" in seen.stdout
    assert len(seen.stdout) <= KEPT


def test_so_is_one_behind_a_long_key_that_is_hidden_too() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{'A' * (2 * KEPT - 80)}\n-----END PRIVATE KEY-----\n"
    assert "a1" not in seen_of(FakeRuns(key + CUT), CommandCheck(name="a", command=["x"])).stdout


@pytest.mark.parametrize("before", [KEPT - 17, KEPT - 12])
def test_a_secret_in_a_failed_setup_command_is_hidden_wherever_that_is_cut(before: int) -> None:
    words = [f"{'x ' * KEPT}"[-before:].strip(), CUT]
    assert "a1" not in seen_of(FakeRuns(code=1), CommandCheck(name="a", command=["x"], setup=[words])).setup


def test_a_failed_setup_command_is_told_as_it_is_written() -> None:
    engine, setup = FakeRuns(code=3), [["login", "$WORD", "as ${NAME}"]]
    check = CommandCheck(name="a", command=["x"], setup=setup, substitute=True)
    assert seen_of(engine, check, WORD="hunter2", NAME="me").setup == "login $WORD as ${NAME}: it ended with 3"
    assert engine.ran == [["login", "hunter2", "as me"]]


def test_a_setup_command_that_prints_without_end_is_told_and_nothing_is_run_after_it() -> None:
    engine = FakeRuns("x" * (OUTPUT_AT_MOST + 1))
    seen = seen_of(engine, CommandCheck(name="a", command=["x"], setup=[["yes"]]))
    assert (seen.flooded, seen.setup) == (True, "yes: it printed more than is read, and was stopped")
    assert engine.ran == [["yes"]]


@pytest.mark.parametrize("setup", [[], [["$WORD"]]], ids=["the command", "a setup command"])
def test_a_command_that_the_engine_refuses_is_told_as_it_is_written(setup: list[list[str]]) -> None:
    engine = FakeRuns(refusal='exec: "hunter2": executable file not found in $PATH')
    seen = seen_of(engine, CommandCheck(name="a", command=["$WORD"], setup=setup, substitute=True), WORD="hunter2")
    assert seen.refused == 'the engine: exec: "$WORD": executable file not found in $PATH'
    assert "hunter2" not in seen.setup


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
