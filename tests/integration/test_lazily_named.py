"""A package that Python 3.15 only names (PEP 810) is no load, and its first use is one: on that Python itself."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import Problem
from tests.support.checkout import ROOT
from tests.support.probing import write
from tests.support.python315 import find_or_unpack

NAMED = """
import contextlib
lazy import heavy
lazy import absent.deep
lazy from heavy_other.inner import thing
lazy import json.decoder
def use():
    return heavy.name
def miss():
    with contextlib.suppress(ImportError, AttributeError):
        absent.deep
"""
PLAIN = NAMED.replace("lazy ", "")
# What the application probe does around an import and a request
PROBE = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from verify.probes.recorder import Recorder, lazily_named
heavy = ["heavy", "heavy_other", "absent"]
recorder = Recorder(heavy, lambda **_: None)
named = importlib.import_module("named")
report = {"imported": [lazily_named(heavy), list(recorder.attempts)]}
recorder.enter("use")
named.use()
named.miss()
report["used"] = [lazily_named(heavy), recorder.attempts]
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def python() -> list[str]:
    """The words that start a Python 3.15."""
    try:
        return find_or_unpack()
    except Problem as problem:
        pytest.skip(f"NOT TESTED: no Python 3.15 can be had here: {problem}")


def looked_at(python: list[str], directory: Path, source: str, *options: str) -> dict[str, Any]:
    """What the recorder and the list of lazily named packages say of a module, after its import and after its use."""
    others = {"heavy/__init__.py": "name = 1", "heavy_other/__init__.py": "", "heavy_other/inner.py": "thing = 2"}
    write(directory, {"named.py": source, **others})
    command = [*python, *options, "-c", PROBE, str(ROOT)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def packages(attempts: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(one["package"], one["phase"], one["chain"][-1][1]) for one in attempts]


@pytest.mark.parametrize(("source", "options"), [(NAMED, ()), (PLAIN, ("-X", "lazy_imports=all"))], ids=["lazy", "all"])
def test_what_is_named_lazily_is_told_as_that_and_its_first_use_is_a_load_at_that_line(
    python: list[str], tmp_path: Path, source: str, options: tuple[str, ...]
) -> None:
    report = looked_at(python, tmp_path, source, *options)
    assert report["imported"] == [["absent", "heavy", "heavy_other"], []]
    named, attempts = report["used"]
    lines = source.splitlines()
    use, miss = lines.index("    return heavy.name") + 1, lines.index("        absent.deep") + 1
    assert packages(attempts) == [("heavy", "use", use), ("absent", "use", miss)]
    assert named == ["absent", "heavy_other"]  # a module that is not there stays named


def test_without_the_word_an_import_is_a_load_at_once(python: list[str], tmp_path: Path) -> None:
    report = looked_at(python, tmp_path, PLAIN.replace("import absent.deep", "absent = None"))
    named, attempts = report["imported"]
    assert named == []
    assert [(package, phase) for package, phase, _ in packages(attempts)] == [
        ("heavy", "import"), ("heavy_other", "import"),
    ]  # fmt: skip
