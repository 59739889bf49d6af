"""``import-cst FILE``: prints a configuration of container-structure-test as checks of a contract's own."""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from deploy.errors import Exit, Problem
from deploy.forms import mistake
from verify.commands.cst import SCHEMA, Configuration, Translation
from verify.report.own_table import check_lines
from verify.report.toml import remark

HEAD = (
    "Translated from {name}, a configuration of container-structure-test. Unlike there, a command has no network and "
    "no capabilities, a setup command that fails is a FAIL, and a command's own variables are always set."
)


def import_cst(path: Path, role: str | None) -> Exit:
    """Print the checks of a configuration, for one role or for every image; tell what has no word here.

    Raises:
        Problem: the file cannot be read, or is no configuration of this schema (exit 2).

    """
    translation = Translation(read_configuration(path))
    print("\n".join(remark(HEAD.format(name=path.name))))
    for note in translation.notes:
        print("\n".join(remark(f"Without a word here: {note}.")))
    print("\n".join(check_lines(f"images.{role}.checks" if role else "checks", translation.checks)))
    for note in translation.notes:
        print(f"{path.name}: {note}", file=sys.stderr)
    return Exit.FAILED if translation.notes else Exit.OK


def read_configuration(path: Path) -> Configuration:
    """Read a configuration, in YAML or JSON.

    Raises:
        Problem: with every mistake in it (exit 2).

    """
    doing = f"reading {path}"
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(doing, error.strerror or str(error), "name a file that can be read", Exit.USAGE) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise Problem(doing, f"no YAML: {error}", "correct the line that it names", Exit.USAGE) from None
    if not isinstance(document, dict) or str(document.get("schemaVersion")) != SCHEMA:
        wrong = f"it is no configuration of container-structure-test with schemaVersion {SCHEMA!r}"
        raise Problem(doing, wrong, "name such a file; older schemas are not read", Exit.USAGE)
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        mistakes = [mistake(dict(one), []) for one in error.errors(include_url=False)]
        wrong = "".join(f"\n  - {line}" for line in mistakes)
        raise Problem(doing, wrong, "correct the keys above; its README explains each", Exit.USAGE) from None
