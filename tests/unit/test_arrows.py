"""Which folder may import which, and who may talk to Docker: the arrows of the house, each with one direction."""

import ast
import statistics
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import PurePosixPath

import pytest

from tests.support.checkout import ROOT

# Folder -> the folders that it may import. A folder that is not named belongs to the one above it.
ARROWS = {
    # Makes images
    "deploy": [],
    "deploy/engine": ["deploy"],
    "deploy/base": ["deploy", "deploy/engine"],
    "deploy/build": ["deploy", "deploy/engine", "deploy/base"],
    "deploy/publish": ["deploy", "deploy/engine", "verify/judge"],
    # Tells whether they are right
    "verify": [],
    "verify/contents": ["deploy", "deploy/engine"],
    "verify/observe": ["deploy", "deploy/engine", "verify/contents"],
    "verify/probes": [],
    "verify/judge": ["deploy", "verify/contents", "verify/observe"],
    "verify/report": ["deploy", "verify/contents", "verify/observe", "verify/judge"],
    "verify/e2e": ["deploy", "deploy/engine", "verify/observe", "verify/judge"],
    "verify/commands": [
        "deploy", "deploy/engine", "deploy/publish", "verify/contents", "verify/observe", "verify/judge",
        "verify/report", "verify/e2e",
    ],
    # Is shipped
    "ktrdr": [],
    # Measures both
    "bench/inside": ["ktrdr"],
    "bench": [
        "deploy", "deploy/engine", "deploy/build", "verify/contents", "verify/observe", "verify/judge",
    ],
}  # fmt: skip
# Commands that stand in front of the folders: each may import any, and nobody imports them.
FRONT = ("deploy/__main__.py", "deploy/clean.py", "verify/__main__.py", "verify/program.py", "bench/__main__.py")
LIBRARIES = ("docker", "python_on_whales")
# Who may talk to Docker: by its libraries, or by a client of deploy/engine/connection.py. The libraries' readings of
# names and of .dockerignore (docker.utils) reach no engine: any file may use them.
SILENT = "docker.utils."
CLIENTS = {"sdk", "client_for", "whales"}
TALKS = {
    "verify/contents/ways.py", "verify/e2e/system.py", "deploy/build/layer_cache.py",
    "deploy/clean.py", "deploy/base/image.py", "deploy/base/renew_pins.py", "deploy/build/worker.py",
    "deploy/engine/connection.py", "deploy/engine/podman.py",
    "deploy/engine/labelled.py", "deploy/engine/runs.py", "deploy/publish/reference.py", "deploy/publish/send.py",
    "deploy/publish/wire.py", "verify/contents/cache.py",
    "verify/observe/containers.py", "verify/observe/control.py", "verify/observe/observer.py", "verify/observe/own.py",
    "verify/observe/elsewhere.py", "verify/observe/subject.py",
    "verify/observe/refusal.py", "verify/observe/server.py", "verify/commands/end_to_end.py", "bench/workplace.py",
}  # fmt: skip
OURS = ("deploy", "verify", "bench", "ktrdr", "tests")
CODE = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("deploy", "verify", "bench")
    for path in (ROOT / package).rglob("*.py")
)


def folder(path: str) -> str:
    """The folder of the table that a file belongs to."""
    above = [parent.as_posix() for parent in PurePosixPath(path).parents]
    return next((one for one in above if one in ARROWS), above[0])


def imported(path: str) -> Iterator[str]:
    """Every module that a file imports, wherever in it; of our own the file's path."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports by a relative name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield where(name) if name.partition(".")[0] in OURS else name


def where(name: str) -> str:
    """The path of the module that a dotted name leads to: itself, or what is defined in it."""
    path = name.replace(".", "/")
    while not (ROOT / f"{path}.py").is_file() and not (ROOT / path).is_dir():
        path = path.rpartition("/")[0]
    return f"{path}.py" if (ROOT / f"{path}.py").is_file() else f"{path}/__init__.py"


@pytest.mark.parametrize("path", CODE)
def test_a_file_imports_only_what_its_folder_may(path: str) -> None:
    ours = [target for target in imported(path) if target.partition("/")[0] in OURS]
    if path not in FRONT:
        assert not [target for target in ours if target in FRONT], f"{path} imports a command"
        allowed = {folder(path), *ARROWS[folder(path)]}
        assert {target: folder(target) for target in ours if folder(target) not in allowed} == {}


def test_no_arrow_leads_back() -> None:
    order = list(TopologicalSorter(ARROWS).static_order())
    assert set(order) == set(ARROWS)


def test_every_arrow_is_used() -> None:
    drawn = {(folder(path), folder(target)) for path in CODE if path not in FRONT for target in imported(path)}
    assert {(source, target) for source, targets in ARROWS.items() for target in targets} <= drawn


def test_docker_is_spoken_to_by_these_alone() -> None:
    talking = {path for path in CODE if any(talks(name) for name in imported(path)) or clients(path)}
    assert talking == TALKS


def test_no_container_is_made_with_the_docker_client_s_own_proxies() -> None:
    made = {path: calls(path, "create_container") for path in CODE}
    made = {path: found for path, found in made.items() if found}
    assert set(made) >= {"verify/observe/containers.py", "verify/contents/ways.py", "verify/e2e/system.py"}
    assert {proxied for found in made.values() for proxied in found} == {"False"}
    assert not [path for path in CODE if calls(path, "run", "containers") or calls(path, "create", "containers")]


def calls(path: str, method: str, of: str = "") -> list[str]:
    """What a file's calls of a method, of an attribute with this name, say on the client's proxies."""
    found = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            owner = getattr(node.func.value, "attr", "")
            words = [ast.unparse(word.value) for word in node.keywords if word.arg == "use_config_proxy"]
            found += [" ".join(words)] if not of or owner == of else []
    return found


def clients(path: str) -> set[str]:
    """Which of the functions that give a client of an engine a file names."""
    tree = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    return CLIENTS & {getattr(node, "attr", None) or getattr(node, "id", "") for node in tree}


def talks(name: str) -> bool:
    """Whether what a file imports under this name can reach an engine."""
    return name.partition(".")[0] in LIBRARIES and not name.startswith(SILENT)


def test_every_folder_says_what_it_is_for() -> None:
    for name in ARROWS:
        assert ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text(encoding="utf-8"))), name


def test_the_modules_of_the_product_stay_short_and_their_functions_too() -> None:
    texts = {path: path.read_text(encoding="utf-8") for package in OURS[:-1] for path in (ROOT / package).rglob("*.py")}
    lines = {path.relative_to(ROOT).as_posix(): text.count("\n") for path, text in texts.items()}
    assert [path for path, number in lines.items() if number > 350] == []
    assert statistics.median(lines.values()) < 150
    functions = ((path, node) for path, text in texts.items() for node in ast.walk(ast.parse(text)))
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno is not None
        if node.end_lineno - node.lineno >= 50
    ]
    assert long == []
