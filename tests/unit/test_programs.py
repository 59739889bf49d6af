"""Programs that stand in strings import what is there: neither Ruff nor mypy reads them."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

IMPORT = re.compile(r"^from ((?:deploy|verify|bench)(?:\.\w+)*) import ([\w, ]+)$", re.MULTILINE)
FILES = sorted(path for folder in ("bench", "deploy", "tests", "verify") for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """The modules, and the names from them, that programs in a file's strings import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for module, names in IMPORT.findall(node.value):
                yield from ((module, name.partition(" as ")[0].strip()) for name in names.split(","))


FOUND = [(path.relative_to(ROOT).as_posix(), *one) for path in FILES for one in imported(path)]


@pytest.mark.parametrize(("path", "module", "name"), FOUND)
def test_a_program_in_a_string_imports_what_is_there(path: str, module: str, name: str) -> None:
    known = importlib.import_module(module)
    if not hasattr(known, name):
        assert importlib.import_module(f"{module}.{name}"), path


def test_there_are_such_programs() -> None:
    assert len({path for path, _module, _name in FOUND}) > 3
