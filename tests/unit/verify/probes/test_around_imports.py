"""What goes around the import system, and what children of the application do, is recorded or told as not followed."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import probe, results, run, write

HEALTH = "/api/v1/health"
BEGINNING = """
import importlib.util, multiprocessing, os, subprocess, sys
from fastapi import FastAPI
app = FastAPI()
"""
BY_FILE = """
spec = importlib.util.spec_from_file_location("other", importlib.util.find_spec("heavy").origin)
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""
FORKED = """
child = os.fork()
if child == 0:
    try:
        import heavy
    finally:
        os._exit(0)
os.waitpid(child, 0)
"""
ON_REQUEST = """
@app.get("/use")
def use():
    {}
"""
UNHEARD = "import ctypes; os.waitpid(ctypes.CDLL(None).fork() or os._exit(0), 0)"
APPLICATIONS = {
    "by_file": BY_FILE,
    "deaf": "sys.meta_path[:] = [one for one in sys.meta_path if isinstance(one, type)]\nimport heavy\n",
    "forgotten": "import heavy\ndel sys.modules['heavy']\n",
    "forked": FORKED,
    "program": "subprocess.run([sys.executable, '-c', 'pass'])\n",
    "shell": ON_REQUEST.format("os.system('true')"),
    "unheard": ON_REQUEST.format(UNHEARD),
    "named": "sys.lazy_modules = {'heavy.deep', 'json.decoder'}\n",  # as Python 3.15 has it (PEP 810)
    "alone": "",
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the probe reported of each application; ``heavy`` is a package where packages are installed."""
    where = tmp_path_factory.mktemp("around")
    site = where / "site-packages"
    write(where, {f"{name}.py": BEGINNING + text for name, text in APPLICATIONS.items()})
    write(site, {"heavy/__init__.py": "name = 'heavy'\n"})
    argument = {"attribute": "app", "health": HEALTH, "heavy": ["heavy"]}
    found: dict[str, dict[str, Any]] = {}
    for names in (
        list(APPLICATIONS)[:3],
        list(APPLICATIONS)[3:6],
        list(APPLICATIONS)[6:],
    ):  # a request is one argument of a command, which has its limit
        probes = {name: probe("application", {**argument, "module": name}) for name in names}
        found |= results(run(where, probes, PYTHONPATH=str(site)))
    return {name: found[name]["report"] for name in APPLICATIONS}


@pytest.mark.parametrize("way", ["by_file", "deaf", "forgotten", "forked"])
def test_what_goes_around_the_import_system_is_an_attempt_all_the_same(
    reports: dict[str, dict[str, Any]], way: str
) -> None:
    (attempt,) = reports[way]["attempts"]
    assert (attempt["package"], attempt["phase"]) == ("heavy", "import")
    assert Path(attempt["chain"][0][0]).name == f"{way}.py"


@pytest.mark.parametrize(
    ("way", "phase", "what"),
    [("forked", "import", "os.fork"), ("program", "import", "subprocess.Popen"), ("shell", "use", "os.system")],
)
def test_a_process_that_the_application_starts_is_told_with_phase_and_place(
    reports: dict[str, dict[str, Any]], way: str, phase: str, what: str
) -> None:
    started = reports[way]["processes"][0]
    assert (started["what"].split()[0], started["phase"]) == (what, phase)
    assert Path(started["chain"][-1][0]).name == f"{way}.py"


def test_a_process_whose_start_nobody_heard_is_told_too(reports: dict[str, dict[str, Any]]) -> None:
    (started,) = reports["unheard"]["processes"]
    assert (started["what"], started["phase"]) == ("a process, by means that nobody heard", "use")


def test_an_application_that_does_none_of_this_has_nothing_told_of_it(reports: dict[str, dict[str, Any]]) -> None:
    assert (reports["alone"]["attempts"], reports["alone"]["processes"]) == ([], [])


def test_a_package_that_is_only_named_lazily_is_told_as_that_and_is_no_attempt(
    reports: dict[str, dict[str, Any]],
) -> None:
    named = [reports["named"][f"loaded_{when}"]["named"] for when in ("before", "after_import", "after_start")]
    assert named == [[], ["heavy"], ["heavy"]]
    assert reports["named"]["attempts"] == []
    assert reports["alone"]["loaded_after_use"]["named"] == []
