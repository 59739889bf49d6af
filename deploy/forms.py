"""The forms of the contract's texts, and how a mistake is told: with its key, its value and the next step."""

import difflib
import keyword
import sys
from pathlib import PurePosixPath
from typing import Any

from deploy import allowed_files, configuration, own_checks

# The forms of texts, each with its description; a tag is as `docker build --tag` takes it: the distribution
# project's reference grammar, no digest.
MODULE, COMMAND = r"^[A-Za-z_][A-Za-z0-9_]*$", r"^[A-Za-z_][A-Za-z0-9_.-]*$"
DOTTED = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
TAG, ROLE = r"^[a-z0-9]+([._/:-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", r"^[a-z][a-z0-9-]{0,40}$"
PACKAGE = r"^[a-z0-9][a-z0-9+.-]+$"
ARCHITECTURE, BUILD = r"^(sm|compute)_[0-9]{2,3}[af]?$", r"^[a-z0-9]+(\.[a-z0-9]+)*$"
URL_PATH = r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*"  # RFC 3986, without a query
HEALTH_PATH, HEALTH = rf"^{URL_PATH}$", rf"^http://127\.0\.0\.1:{configuration.PORT_NUMBER}{URL_PATH}$"
RELATIVE, PYTHON, LINE = r"^[^/].*$", r"^3\.(0|[1-9][0-9]?)$", r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
FORMS = {
    DOTTED: "a name with dots, for example ktrdr.api.main",
    MODULE: "the name under which a package is imported, without a dot, for example torch",
    LINE: "one line of text",
    configuration.NAME: "a name without spaces and =, for example KTRDR_DATA_DIR",
    configuration.TEXT: "a text without the character NUL",
    COMMAND: "a command's name, for example ktrdr",
    configuration.DIRECTORY: "a directory from the root, for example /data",
    TAG: "a name in small letters with a tag, for example ktrdr-backend:prod",
    ROLE: "the table's name, the role, in small letters, digits and dashes",
    HEALTH_PATH: "a path, for example /api/v1/health",
    HEALTH: "an address within the container, with a port from 1 to 65535, for example http://127.0.0.1:8000/api/v1/health",
    RELATIVE: "a path from the checkout, for example deploy/docker/Dockerfile.backend",
    PACKAGE: "a Debian package's name, for example libgomp1",
    allowed_files.FILE: "a path from the root, with * for any part of a name, for example /opt/venv/bin/activate*",
    ARCHITECTURE: "a GPU architecture as torch.cuda.get_arch_list() names it, for example sm_90",
    BUILD: "a build of PyTorch by the label in its version, for example cpu",
    configuration.USER: 'a user and a group by number, for example "10001:10001"',
    configuration.PORT: "a port from 1 to 65535 and its protocol, for example 8000/tcp",
    PYTHON: 'a version of Python in two parts, for example "3.11"',
    **own_checks.FORMS,
}
# What pydantic calls a mistake, and what to do about it
NEXT_STEPS = {
    "string_type": "write a text in quotes",
    "list_type": 'write a list, for example ["ml"]',
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "bool_type": "write true or false, without quotes",
    "greater_than_equal": "write a number from {ge:.12g} on",
    "less_than_equal": "write {le:.12g} at most",
    "greater_than": "write a number above {gt:.12g}",
    "finite_number": "write a finite number",
    "too_short": "name one at least",
    "string_too_short": "write {min_length} letters or more",
    "dict_type": "write a table",
    "model_type": "write a table",
    "literal_error": "write {expected}",
}


def no_keyword(name: str) -> str:
    """Refuse a name with dots that Python cannot read as one."""
    if word := next(filter(keyword.iskeyword, name.split(".")), None):
        raise ValueError(f"{word!r} is a word of Python's own; correct the name")
    return name


def importable(name: str) -> str:
    """Refuse a name with dots that no import statement can have, or that is the standard library's."""
    if no_keyword(name).partition(".")[0] in sys.stdlib_module_names:
        raise ValueError("it is of Python's standard library; name a package that is installed")
    return name


def within(path: str) -> str:
    """Refuse a path that leads out of the checkout, or not straight to its end."""
    if ".." in path.split("/") or str(PurePosixPath(path)) != path:
        raise ValueError(
            "write a path from the checkout without . and .., for example deploy/docker/Dockerfile.backend"
        )
    return path


def mistake(error: dict[str, Any], known: list[str]) -> str:
    """Return pydantic's error as ``key = value: what is wrong; the next step``; ``known`` are the keys there."""
    location = tuple(part for part in error["loc"] if not str(part).startswith(("literal[", own_checks.KIND)))
    key = ".".join(map(str, location))
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        next_step = f"did you mean {close[0]!r}?" if close else "remove it"
        return f"{key} = {shown(error['input'])}: unknown key; {next_step}"
    if kind == "value_error":
        return f"{key} = {shown(error['input'])}: {context['error']}"
    if kind == "string_pattern_mismatch":
        return f"{key} = {shown(error['input'])}: write {FORMS[context['pattern']]}"
    next_step = NEXT_STEPS[kind].format(**context) if kind in NEXT_STEPS else error["msg"].lower()
    return f"{key} = {shown(error['input'])}: {next_step}"


def shown(value: Any) -> str:
    """Return a value as it stands beside its key, cut to fit there."""
    if isinstance(value, dict):
        return "{…}"
    try:
        text = repr(value)
    except ValueError:
        text = "a number of very many digits"
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004 - what fits beside a key on one line
