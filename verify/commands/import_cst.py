"""``import-cst FILE``: prints a configuration of container-structure-test as checks of a contract's own."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from deploy.errors import Exit, Problem
from deploy.forms import FORMS, ROLE, mistake
from verify.commands.cst import SCHEMA, Configuration, Translation
from verify.report.own_table import check_lines
from verify.report.toml import remark

HEAD = (
    "Translated from {name}, a configuration of container-structure-test. Unlike there, a command has no network and "
    "no capabilities, a setup command that fails is a FAIL, and a command's own variables are always set."
)


class Texts(yaml.SafeLoader):
    """Reads what stands without quotes as the text that is written, as Go's YAML does where a text is due.

    YAML's own rules make 3.1 of the version 3.10, and 18 of 0022. What is to be a number becomes one in the model.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - no ClassVar in the types of the class above
        first: [one for one in known if one[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def import_cst(path: Path, role: str | None) -> Exit:
    """Print the checks of a configuration, for one role or for every image; tell what has no word here.

    Raises:
        Problem: the file cannot be read, or is no configuration of this schema; no role has this name (exit 2).

    """
    if role is not None and not re.fullmatch(ROLE, role):
        raise Problem("reading the command line", f"{role!r} is no role", f"write {FORMS[ROLE]}", Exit.USAGE)
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
        document: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=Texts)  # noqa: S506 - a SafeLoader
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
