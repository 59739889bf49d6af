"""The index: every command of the project is a session here, with its help, dependencies and linters."""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # every session runs in the one environment that uv.lock describes
nox.options.sessions = ["lint", "types", "unit"]

# Python compiles what it imports once, apart from the sources: also where the environment wants nothing beside those.
BYTECODE = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(__file__).resolve().parent / ".cache" / "bytecode"),
}
# A linter for each: Python, Dockerfiles, shell scripts, the workflow, the subjects of commits.
LINTERS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("hadolint", *sorted(map(str, Path("deploy/docker").glob("Dockerfile.*")))),
    ("shellcheck", "noxw", ".ci/run", "deploy/docker/sync.sh", *sorted(map(str, Path("findings").glob("*.sh")))),
    ("zizmor", "--offline", "--no-progress", "--quiet", ".github/workflows"),
    ("python", "-m", "tests.commits"),
)
HELP = {"-h", "--help"}
# Options of `publish` that take a value. Beside it, `build` and `verify` take the same words for their roles.
PUBLISHING = {"--registry", "--key", "--verifier"}
SHARED = {"--contract", "--artifacts"}  # options with a value that the three sessions have
NO_WORDS = "this session takes no words after --"
# What shares something stays in one process: tests/conftest.py. For two processors; one of three processes often waits.
SIDE_BY_SIDE = ("--numprocesses=2",)
WAITING_TOO = ("--numprocesses=3",)


def run(session: nox.Session, *command: str, group: str = "tools") -> None:
    """Run a command with the locked dependencies of a group; ``./noxw`` brings uv where there is none."""
    if shutil.which("uv") is None:
        session.error("uv is not on PATH: use ./noxw in place of nox, or install uv")
    # After Ctrl-C a command cleans up on the engine; nox's own half a second would cut that off.
    locked = ("uv", "run", "--frozen", "--group", group)
    session.run(*locked, *command, env=BYTECODE, external=True, interrupt_timeout=75, terminate_timeout=75)


def only_help(session: nox.Session) -> list[str]:
    """Return the request for help among the words after ``--``; warn that the session takes no other words."""
    if others := [word for word in session.posargs if word not in HELP]:
        session.warn(f"{session.name} takes no words: {' '.join(others)} is only for the sessions beside it")
    return [word for word in session.posargs if word in HELP]


def roles(words: list[str]) -> list[str]:
    """Return the words after ``--``; of those for `publish`, which names a registry, without its own options."""
    if not any(word.partition("=")[0] == "--registry" for word in words):
        return list(words)
    kept = []
    for before, word in zip(["", *words], words, strict=False):
        shared = before in SHARED or word.partition("=")[0] in SHARED
        if shared or not (before in PUBLISHING or word.startswith("--")):
            kept.append(word)
    return kept


@nox.session
def engine(session: nox.Session) -> None:
    """Ensure that a Docker Engine with buildx answers; install and start one where none does (Debian, root)."""
    run(session, "python", "-m", "deploy", "engine", *only_help(session))


@nox.session(name="engine-stop", default=False)
def engine_stop(session: nox.Session) -> None:
    """Stop the engine that `engine` started."""
    run(session, "python", "-m", "deploy", "engine-stop", *only_help(session))


@nox.session
def build(session: nox.Session) -> None:
    """Build the images [-- ROLE …] side by side; one that fails stops no other."""
    run(session, "python", "-m", "deploy", "build", *roles(session.posargs))


@nox.session
def verify(session: nox.Session) -> None:
    """Observe and judge the built images [-- ROLE …] side by side, then summarize."""
    run(session, "python", "-m", "verify", *roles(session.posargs))


@nox.session(name="verify-gpu")
def verify_gpu(session: nox.Session) -> None:
    """Check on a GPU host [-- ROLE …] that the GPU is really used."""
    run(session, "python", "-m", "verify", "--gpu", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the images together: train, backtest, cancel, kill, restart."""
    run(session, "python", "-m", "verify", "e2e", *only_help(session))


@nox.session
def summarize(session: nox.Session) -> None:
    """Write table and reports from artifacts [-- DIR …], merging those of several jobs."""
    run(session, "python", "-m", "verify", "summarize", *session.posargs)


@nox.session(default=False)
def explain(session: nox.Session) -> None:
    """Tell what a check is for, what it saw of an image, what to do [-- ROLE CHECK]."""
    run(session, "python", "-m", "verify", "explain", *session.posargs)


@nox.session(default=False)
def baseline(session: nox.Session) -> None:
    """Keep the last verification's figures [-- ROLE …] in baseline.json, which git tracks, for comparison."""
    run(session, "python", "-m", "verify", "baseline", *session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Publish verified images, each with its attestations [-- --registry R ROLE …]; all of them or none."""
    run(session, "python", "-m", "deploy", "publish", *session.posargs)


@nox.session(name="lazy-imports")
def lazy_imports(session: nox.Session) -> None:
    """Check the lazy-import rules on this checkout and the server at KTRDR_API_PORT; no Docker needed."""
    run(session, "python", "-m", "verify", "lazy-imports", *only_help(session))


@nox.session
def matrix(session: nox.Session) -> None:
    """Print the CI matrix as JSON, from the contract [-- --together: the roles of `e2e`, as words]."""
    run(session, "python", "-m", "deploy", "matrix", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run everything: lint, types, unit tests, tests on freshly built images, quick faults [-- PYTEST-OPTION …]."""
    if not HELP.intersection(session.posargs):
        for linter in LINTERS:
            run(session, *linter, group="lint")
        run(session, "mypy", group="tests")
    run(session, "pytest", "tests", *WAITING_TOO, *session.posargs, group="tests")


@nox.session
def unit(session: nox.Session) -> None:
    """Run the unit tests [-- PYTEST-OPTION …]: no Docker, a minute or two."""
    run(session, "pytest", "tests/unit", *SIDE_BY_SIDE, *session.posargs, group="tests")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format of the code, Dockerfiles, scripts, workflow and commit subjects."""
    if only_help(session):
        session.log(NO_WORDS)
        return
    for linter in LINTERS:
        run(session, *linter, group="lint")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, strictly."""
    if only_help(session):
        session.log(NO_WORDS)
        return
    run(session, "mypy", group="tests")


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Judge every broken image [-- NAME …], then the good ones twenty times; report misses and false alarms."""
    run(session, "python", "-m", "tests.broken_images", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure build and verify [-- NAME …] beside other tools: some 12 minutes on an idle machine."""
    run(session, "python", "-m", "bench", *session.posargs)


@nox.session(default=False)
def findings(session: nox.Session) -> None:
    """Run the recorded surprises about others' software [-- NAME …], and report which still hold."""
    run(session, "python", "-m", "findings", *session.posargs)


@nox.session(default=False)
def screenshot(session: nox.Session) -> None:
    """Take docs/report.png, the README's picture, from the last report [-- REPORT]."""
    run(session, "python", "-m", "tests.browser.screenshot", *session.posargs, group="tests")


@nox.session(default=False)
def accidents(session: nox.Session) -> None:
    """Test failures [-- PYTEST-OPTION …]: kill engines, interrupt runs; also build on containerd's image store."""
    run(session, "env", "KTRDR_ALL_ROLES=1", "pytest", "tests/resilience", *session.posargs, group="tests")


@nox.session(default=False)
def engines(session: nox.Session) -> None:
    """Make engines of other releases, try the images there [-- PYTEST-OPTION …], and take the engines down (root)."""
    run(session, "env", "KTRDR_ENGINES=1", "pytest", "tests/engines", *session.posargs, group="tests")


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Put small mistakes into judge and readers [-- MODULE …]; report which of them no test notices."""
    run(session, "python", "-m", "tests.mutation", *session.posargs, group="mutation")


@nox.session
def clean(session: nox.Session) -> None:
    """Remove what ended runs left on the engine; -- --all: images, artifacts and caches too."""
    run(session, "python", "-m", "deploy", "clean", *session.posargs)
