"""An application that breaks, each in its own way, is reported in its own words."""

from typing import Any

import pytest

from tests.support.probing import probe, results, run, write

PLAIN = "\nimport heavy_plain\n"
BROKEN = {
    "plain": PLAIN,
    "raising": "raise RuntimeError('no')\n",
    "leaving": "raise SystemExit(0)\n",
    "typo": "def :\n",
    "empty": "",
    "other": "app = object()\n",
    "stopping": "import os\nos._exit(0)\n",
    "exiting": "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\n"
    "async def x():\n    raise SystemExit(5)\n",
    "unstartable": "from fastapi import FastAPI\nfrom contextlib import asynccontextmanager\n@asynccontextmanager\n"
    "async def f(_app):\n    raise RuntimeError('no store')\n    yield\napp = FastAPI(lifespan=f)\n",
}


def argument(module: str) -> dict[str, Any]:
    return {"module": module, "attribute": "app", "health": "/api/v1/health", "heavy": ["heavy_plain"]}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of the probe with applications that break, each in its own way."""
    where = tmp_path_factory.mktemp("broken")
    write(where, {f"{name}_app.py": text for name, text in BROKEN.items()})
    names = [*BROKEN, "absent"]
    found: dict[str, dict[str, Any]] = {}
    for some in (names[at::4] for at in range(4)):  # a request is one argument of a command, which Linux bounds
        probes = {name: probe("application", argument(f"{name}_app")) for name in some}
        found |= results(run(where, probes))
    return found


def test_a_plain_import_of_what_is_not_installed_is_an_attempt_and_an_error(broken: dict[str, dict[str, Any]]) -> None:
    report = broken["plain"]["report"]
    (attempt,) = report["attempts"]
    assert (attempt["package"], attempt["phase"], attempt["chain"][-1][1:]) == (
        "heavy_plain",
        "import",
        [2, "<module>"],
    )
    assert report["imported"] is False
    assert report["lost"]["import"]["how"] == "ModuleNotFoundError: No module named 'heavy_plain'"
    assert "plain_app.py" in report["lost"]["import"]["traceback"]


@pytest.mark.parametrize(
    ("name", "error"),
    [("raising", "RuntimeError"), ("leaving", "SystemExit"), ("typo", "SyntaxError"), ("empty", "AttributeError"),
     ("absent", "ModuleNotFoundError")],
)  # fmt: skip
def test_an_application_that_cannot_be_imported_is_told_by_its_error(
    broken: dict[str, dict[str, Any]], name: str, error: str
) -> None:
    report = broken[name]["report"]
    assert report["imported"] is False
    assert report["lost"]["import"]["how"].startswith(f"{error}: ")


def test_what_is_no_fastapi_application_is_told_by_its_kind(broken: dict[str, dict[str, Any]]) -> None:
    report = broken["other"]["report"]
    assert (report["imported"], report["is_fastapi"], report["kind"]) == (True, False, "builtins.object")
    assert "routes" not in report


def test_an_application_that_ends_the_process_is_told_as_such(broken: dict[str, dict[str, Any]]) -> None:
    report = broken["stopping"]["report"]
    assert report["lost"] == {"import": {"how": "it ended its process with 0", "late": False, "unseen": False}}
    assert "imported" not in report


def test_a_start_up_that_raises_is_told_in_its_own_words(broken: dict[str, dict[str, Any]]) -> None:
    report = broken["unstartable"]["report"]
    assert (report["imported"], report.get("started", False)) == (True, False)
    assert "no store" in report["lost"]["start"]["how"]


def test_an_operation_that_ends_the_program_is_told_as_such(broken: dict[str, dict[str, Any]]) -> None:
    report = broken["exiting"]["report"]
    assert report["lost"]["GET /x"]["how"] == "SystemExit: 5"
    assert report["digests"].keys() == {"GET /", "GET /nowhere", "GET /api/v1/nowhere"}
