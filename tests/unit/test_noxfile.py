"""The noxfile is an index: a session a command, each with its help, and nothing else."""

import ast
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import uv
from nox import registry

from tests.support.checkout import ROOT
from verify.observe.requests import source


def names(folder: str, pattern: str) -> str:
    return " ".join(sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(pattern)))


# What each session runs, after `uv run …`; ARGUMENTS stands for the words after `--`.
COMMANDS: dict[str, list[str]] = {
    "engine": ["python -m deploy engine"],
    "engine-stop": ["python -m deploy engine-stop"],
    "build": ["python -m deploy build ARGUMENTS"],
    "verify": ["python -m verify ARGUMENTS"],
    "verify-gpu": ["python -m verify --gpu ARGUMENTS"],
    "e2e": ["python -m verify e2e"],
    "summarize": ["python -m verify summarize ARGUMENTS"],
    "explain": ["python -m verify explain ARGUMENTS"],
    "baseline": ["python -m verify baseline ARGUMENTS"],
    "publish": ["python -m deploy publish ARGUMENTS"],
    "lazy-imports": ["python -m verify lazy-imports"],
    "matrix": ["python -m deploy matrix ARGUMENTS"],
    "unit": ["pytest tests/unit --numprocesses=2 ARGUMENTS"],
    "lint": [
        "ruff check",
        "ruff format --check",
        f"hadolint {names('deploy/docker', 'Dockerfile.*')}",
        f"shellcheck noxw .ci/run deploy/docker/sync.sh {names('findings', '*.sh')}".rstrip(),
        "zizmor --offline --no-progress --quiet .github/workflows",
        "python -m tests.commits",
    ],
    "types": ["mypy"],
    "clean": ["python -m deploy clean ARGUMENTS"],
    "faults": ["python -m tests.broken_images ARGUMENTS"],
    "bench": ["python -m bench ARGUMENTS"],
    "findings": ["python -m findings ARGUMENTS"],
    "mutation": ["python -m tests.mutation ARGUMENTS"],
    "screenshot": ["python -m tests.browser.screenshot ARGUMENTS"],
    "accidents": ["env KTRDR_ALL_ROLES=1 pytest tests/resilience ARGUMENTS"],
    "engines": ["env KTRDR_ENGINES=1 pytest tests/engines ARGUMENTS"],
}
TAKING_NOTHING = ("engine", "engine-stop", "e2e", "lazy-imports", "lint", "types")
# What a session needs on top of the tools.
GROUPS = {
    "unit": "tests", "types": "tests", "tests": "tests", "mutation": "mutation", "accidents": "tests",
    "engines": "tests", "lint": "lint",
    "screenshot": "tests",
}  # fmt: skip


def locked(name: str, *commands: str) -> list[str]:
    """The commands as a session runs them: in the environment of its group, as it is locked."""
    return [f"uv run --frozen --group {GROUPS.get(name, 'tools')} {command}" for command in commands]


class Stop(Exception):
    """The session ended with an error."""


class FakeSession:
    """Remembers what a session would have run."""

    name = "this"

    def __init__(self) -> None:
        self.posargs, self.ran, self.env, self.said = ["ARGUMENTS"], list[str](), dict[str, str](), list[str]()

    def run(self, *command: str, external: bool, env: dict[str, str], **_options: object) -> None:
        assert external
        self.env = env
        self.ran.append(" ".join(command))

    def warn(self, text: str) -> None:
        self.said.append(text)

    log = warn

    def error(self, *words: str) -> None:
        raise Stop(" ".join(words))


@pytest.fixture(scope="module")
def noxfile() -> Iterator[ModuleType]:
    """The noxfile, read apart from any other that nox may have read."""
    known = dict(registry._REGISTRY)
    registry._REGISTRY.clear()
    spec = importlib.util.spec_from_file_location("noxfile_under_test", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    registry._REGISTRY.clear()
    registry._REGISTRY.update(known)


@pytest.fixture(autouse=True)
def uv_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(uv.find_uv_bin()).parent))


@pytest.fixture
def sessions(noxfile: ModuleType) -> dict[str, Callable[..., Any]]:
    assert noxfile is not None
    return {str(name): function for name, function in registry.get().items()}


def called(function: Callable[..., Any], *words: str) -> FakeSession:
    session = FakeSession()
    session.posargs = list(words) or session.posargs
    function(cast("Any", session))
    return session


def ran(function: Callable[..., Any], *words: str) -> list[str]:
    return called(function, *words).ran


def test_every_command_has_its_session(sessions: dict[str, Callable[..., Any]]) -> None:
    assert {*COMMANDS, "tests"} == set(sessions)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_session_runs_its_command_in_the_locked_environment(
    sessions: dict[str, Callable[..., Any]], name: str
) -> None:
    assert ran(sessions[name]) == locked(name, *COMMANDS[name])


@pytest.mark.parametrize("name", TAKING_NOTHING[:4])
def test_a_session_without_arguments_leaves_them_to_those_beside_it_and_answers_for_its_help(
    sessions: dict[str, Callable[..., Any]], name: str
) -> None:
    assert ran(sessions[name], "backend", "--help") == locked(name, f"{COMMANDS[name][0]} --help")


@pytest.mark.parametrize("name", TAKING_NOTHING)
def test_a_session_without_arguments_says_that_it_ignores_them(
    sessions: dict[str, Callable[..., Any]], name: str
) -> None:
    session = called(sessions[name], "backend", "--fix")
    assert session.said == ["this takes no words: backend --fix is only for the sessions beside it"]
    assert session.ran == locked(name, *COMMANDS[name])


@pytest.mark.parametrize("name", ["lint", "types"])
def test_a_session_of_others_tools_answers_for_its_help_itself(
    sessions: dict[str, Callable[..., Any]], name: str
) -> None:
    session = called(sessions[name], "--help")
    assert session.said == ["this session takes no words after --"]
    assert session.ran == []


def test_the_help_of_tests_is_pytest_s_and_runs_nothing_before(sessions: dict[str, Callable[..., Any]]) -> None:
    assert ran(sessions["tests"], "--help") == locked("tests", "pytest tests --numprocesses=3 --help")


def test_tests_are_lint_types_and_then_every_test(sessions: dict[str, Callable[..., Any]]) -> None:
    last = ran(sessions["tests"])
    assert last[:-1] == [*locked("lint", *COMMANDS["lint"]), *locked("types", *COMMANDS["types"])]
    (everything,) = locked("tests", "pytest tests --numprocesses=3 ARGUMENTS")
    assert last[-1] == everything


def test_what_is_imported_is_compiled_once_and_kept_apart_whatever_the_environment_says(
    sessions: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    session = FakeSession()
    sessions["matrix"](cast("Any", session))
    said = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    shown = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode, sys.pycache_prefix)"]
    done = subprocess.run(shown, env=said | session.env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", str(ROOT / ".cache" / "bytecode")]


def test_every_session_has_one_line_of_help(sessions: dict[str, Callable[..., Any]]) -> None:
    for name, function in sessions.items():
        first = (inspect.getdoc(function) or "").partition("\n")[0]
        assert 20 < len(first) <= 120, name


def test_without_uv_a_session_says_how_to_get_it(
    sessions: dict[str, Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Stop, match=r"\./noxw"):
        ran(sessions["lint"])


def test_no_session_makes_an_environment_of_its_own(noxfile: ModuleType) -> None:
    assert noxfile.nox.options.default_venv_backend == "none"


def test_nothing_is_run_by_default_that_needs_docker(noxfile: ModuleType) -> None:
    assert set(noxfile.nox.options.sessions) <= {"lint", "types", "unit"}


@pytest.mark.parametrize("name", ["build", "verify"])
def test_beside_publish_a_session_takes_the_roles_alone(sessions: dict[str, Callable[..., Any]], name: str) -> None:
    words = (
        "--registry",
        "127.0.0.1:5000",
        "backend",
        "--key",
        "own.key",
        "--plain-http",
        "--verifier",
        "urn:me",
        "dev",
    )
    bare = COMMANDS[name][0].removesuffix(" ARGUMENTS")
    assert ran(sessions[name], *words) == locked(name, f"{bare} backend dev")
    assert ran(sessions["publish"], *words) == locked("publish", f"python -m deploy publish {' '.join(words)}")


def test_verify_keeps_the_words_for_a_published_image(sessions: dict[str, Callable[..., Any]]) -> None:
    words = ("--published", "127.0.0.1:5000/ktrdr-backend:prod", "--key", "own.key.pub")
    assert ran(sessions["verify"], *words) == locked("verify", f"python -m verify {' '.join(words)}")


def test_the_index_holds_no_code_but_its_sessions_and_three_helpers() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if not node.decorator_list] == ["run", "only_help", "roles"]
    assert all(len(node.body) <= 6 for node in functions)
    assert "deploy" not in {name.partition(".")[0] for name in _imported(tree)}


def _imported(tree: ast.Module) -> list[str]:
    found = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return found + [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_the_shipped_code_never_imports_the_pipeline() -> None:
    for path in (ROOT / "ktrdr").rglob("*.py"):
        names = {name.partition(".")[0] for name in _imported(ast.parse(path.read_text(encoding="utf-8")))}
        assert not names & {"deploy", "verify", "tests", "nox"}, path


def test_probes_import_nothing_but_the_standard_library_before_they_look() -> None:
    for path in (ROOT / "verify" / "probes").glob("*.py"):
        tree = ast.parse(source(path.stem))  # as it runs: with the parts that it shares with others in it
        top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert {name.partition(".")[0] for name in _imported(top)} <= sys.stdlib_module_names, path


@pytest.mark.parametrize("name", ["build", "verify"])
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("--registry=r:5000 --key=k backend", "backend"),
        ("--registry r:5000 --contract a.toml dev --artifacts there", "--contract a.toml dev --artifacts there"),
        ("--registry=r:5000 --contract=own.toml --artifacts=there", "--contract=own.toml --artifacts=there"),
        ("--contract own.toml --registry r:5000 --plain-http dev", "--contract own.toml dev"),
        ("--contract own.toml dev", "--contract own.toml dev"),
        ("--key backend", "--key backend"),
    ],
)  # fmt: skip
def test_beside_publish_a_session_keeps_the_options_that_both_have(
    noxfile: ModuleType, sessions: dict[str, Callable[..., Any]], name: str, words: str, kept: str
) -> None:
    assert noxfile.roles(words.split()) == kept.split()
    bare = COMMANDS[name][0].removesuffix(" ARGUMENTS")
    assert ran(sessions[name], *words.split()) == locked(name, f"{bare} {kept}")
