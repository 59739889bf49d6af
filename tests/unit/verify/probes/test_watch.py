"""Whoever runs Python in the server's container is heard when it asks for what is heavy, or told to be unheard."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import read_contract
from verify.observe.probe_reports import Heard
from verify.observe.requests import WATCH, source, watch

GUARDED = "try:\n    import heavy_one\nexcept ImportError:\n    pass\n"
CHILD = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import heavy_one'], stderr=subprocess.DEVNULL)"
FORK = f"import os\nif os.fork() == 0:\n    exec({GUARDED!r})\n    os._exit(0)\nos.wait()"
WAITING = "import sys, time\nprint('here', flush=True)\ntime.sleep(60)"
BARE = "import os, sys\nif 'PYTHONPATH' in os.environ:\n    os.execve(sys.executable, sys.orig_argv, {})\n" + WAITING


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the watch lies, as it does in a container."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "sitecustomize.py").write_text(source("watch"), encoding="utf-8")
    (tmp_path / "heavy.json").write_text('["heavy_one", "heavy_two"]', encoding="utf-8")
    return tmp_path


def asking() -> dict[str, Any]:
    """The functions of what asks a server, which ask nothing by themselves."""
    names: dict[str, Any] = {"__name__": "ask"}
    exec(source("ask"), names)  # noqa: S102 - the probe's own source
    return names


def heard(directory: Path, program: str, *options: str) -> tuple[list[list[str]], list[Heard]]:
    """What was noted while a program ran."""
    path = directory / "program.py"
    path.write_text(program, encoding="utf-8")
    command = [sys.executable, *options, str(path)]
    subprocess.run(command, env={"PYTHONPATH": str(directory)}, check=True, timeout=30)
    noted, attempts = asking()["notes"](str(directory))
    return noted, [Heard.model_validate(one) for one in attempts]


@contextmanager
def running(directory: Path, program: str, *options: str, by: tuple[str, ...] = (sys.executable,)) -> Iterator[int]:
    """A Python that waits, started by these words; yields its process id."""
    command = [*by, *options, "-c", f"# {directory}\n{program}"]  # like nobody else's on this machine
    with subprocess.Popen(command, env={"PYTHONPATH": str(directory)}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize(
    "program",
    [GUARDED, GUARDED.replace("import heavy_one", "__import__('importlib').import_module('heavy_one')")],
    ids=["by a statement", "through importlib"],
)
def test_an_attempt_is_heard_with_its_place(directory: Path, program: str) -> None:
    noted, (attempt,) = heard(directory, program)
    assert (attempt.package, attempt.phase) == ("heavy_one", "serve")
    assert attempt.chain == [[str(directory / "program.py"), 2, "<module>"]]
    assert [words[-1] for words in noted] == [str(directory / "program.py")]


@pytest.mark.parametrize("program", [CHILD, FORK], ids=["a program", "a fork"])
def test_an_attempt_in_a_child_is_heard(directory: Path, program: str) -> None:
    assert [one.package for one in heard(directory, program)[1]] == ["heavy_one"]


def test_a_program_that_asks_for_nothing_heavy_is_noted_alone(directory: Path) -> None:
    noted, attempts = heard(directory, "import json")
    assert (len(noted), attempts) == (1, [])


def test_the_program_searches_modules_where_it_would_have(directory: Path) -> None:
    heard(directory, f"import sys\nassert {str(directory)!r} not in sys.path[1:], sys.path")


def test_notes_that_cannot_be_written_do_not_disturb_the_program(directory: Path) -> None:
    (directory / "notes").rmdir()
    assert heard(directory, GUARDED) == ([], [])


@pytest.mark.parametrize(
    ("program", "options", "known"),
    [(WAITING, (), True), (WAITING, ("-I",), False), (WAITING, ("-S",), False), (BARE, (), False)],
    ids=["as it comes", "isolated", "without site", "run again without what listens"],
)
def test_a_python_in_which_nobody_listens_is_known(
    directory: Path,
    program: str,
    options: tuple[str, ...],
    known: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    names = asking()
    with running(directory, program, *options) as number:
        noted = names["notes"](str(directory))[0]
        assert names["Process"](number).is_watched(str(directory), noted) is known
        left = names["unwatched"](str(directory), noted, set())
    assert any(" ".join([*options, "-c"]) in one and str(directory) in one for one in left) is not known


def test_a_python_that_the_loader_started_is_known(directory: Path) -> None:
    loader = next(line.split()[0] for line in libraries() if "/ld-linux" in line)
    with running(directory, WAITING, "-I", by=(loader, sys.executable)) as number:
        assert not Path(asking()["Process"](number).program).name.startswith("python")
        assert any(loader in one for one in asking()["unwatched"](str(directory), [], set()))


@pytest.mark.parametrize("removed", [False, True], ids=["there", "removed"])
def test_a_python_under_another_name_is_known(directory: Path, removed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    own = Path(sys.executable).resolve()
    serve = Path(shutil.copy(own, directory / "serve"))
    (directory / "pyvenv.cfg").write_text(f"home = {own.parent}\n", encoding="utf-8")
    with running(directory, WAITING, "-I", by=(str(serve),)):
        if removed:
            serve.unlink()
        assert any(str(serve) in one for one in asking()["unwatched"](str(directory), [], set()))


def libraries() -> list[str]:
    """What the loader takes for Python, itself included: a line each."""
    return subprocess.run(["ldd", sys.executable], capture_output=True, text=True, check=True).stdout.splitlines()


def test_whatever_holds_the_server_s_port_has_to_be_heard(directory: Path) -> None:
    names, command = asking(), ["sh", "-c", "echo here; read end"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        sockets = {str(Path(f"/proc/{process.pid}/fd/1").readlink())}
        assert " ".join(command) in names["unwatched"](str(directory), [], sockets)
        assert " ".join(command) not in names["unwatched"](str(directory), [], set())
        process.kill()


def test_only_in_images_that_serve_the_api_somebody_listens() -> None:
    contract = read_contract()
    found = {role: watch(contract, image) for role, image in contract.images.items()}
    assert [role for role, one in found.items() if one is not None] == ["backend", "dev"]
    assert found["backend"] is not None
    assert json.loads(found["backend"].files["heavy.json"]) == contract.application.heavy


def test_no_layer_can_hold_notes_where_the_watch_will_lie() -> None:
    contract = read_contract()
    found = [watch(contract, contract.images["backend"]) for _ in range(20)]
    directories = {one.directory for one in found if one}
    assert len(directories) == 20
    assert all(one.startswith(f"{WATCH}-") and len(one) == len(f"{WATCH}-") + 32 for one in directories)
