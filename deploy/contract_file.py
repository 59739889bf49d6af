"""Reads the contract from its file. Every mistake is reported at once, with its key, its value and the next step."""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from deploy.allowed_files import AllowedFile
from deploy.configuration import Bounds, Configuration, HealthcheckDemand
from deploy.contract import Allowed, Application, Contract, Image
from deploy.errors import Exit, Problem
from deploy.forms import mistake, shown
from deploy.own_checks import CommandCheck, FileCheck, SettingCheck, twice
from deploy.serving import Limits, Serving

SCHEMA = 1
# Words of `python -m verify`, and directories of artifacts
RESERVED = (
    "summarize", "lazy-imports", "e2e", "gpu", "others", "published", "baseline", "explain", "describe", "import-cst",
)  # fmt: skip


def read_contract(path: Path, root: Path) -> Contract:
    """Read and validate the contract in a file; ``root``: of the checkout, which its paths are from.

    Raises:
        Problem: with every mistake in it, each on a line with key, value and next step (exit 2).

    """
    doing = f"reading the contract {path.relative_to(root) if path.is_relative_to(root) else path}"
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise Problem(
            doing, error.strerror or str(error), f"restore {path}, or name another with --contract FILE", Exit.USAGE
        ) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise Problem(doing, f"not TOML: {error}", "correct the line it names", Exit.USAGE) from None
    mistakes = contract_mistakes(document) + _missing_files(document, root)
    if not mistakes:
        return Contract.model_validate(
            _with_roles(document), context={"digest": f"sha256:{hashlib.sha256(data).hexdigest()}"}
        )
    wrong = f"{len(mistakes)} mistake{'s' * (len(mistakes) > 1)}" + "".join(f"\n  - {line}" for line in mistakes)
    raise Problem(doing, wrong, "correct the keys above; docs/contract.md explains each", Exit.USAGE)


def contract_mistakes(document: dict[str, Any]) -> list[str]:
    """Return every mistake in a contract document, as ``key = value: what is wrong; the next step``."""
    version = document.get("schema")
    if version is None:
        return [f"schema: missing; write schema = {SCHEMA}"]
    if type(version) is not int or version != SCHEMA:
        return [f"schema = {version!r}: this version reads schema {SCHEMA}; use the checkout that wrote the file"]
    mistakes = [
        f"images.{role}.role = {shown(value)}: unknown key; the table's name is the role"
        for role, value in _named(document, "role")
    ]
    mistakes += [
        f"images.{role}: this name is a word of the command line; choose another"
        for role, _ in _named(document, "name")
        if role in RESERVED
    ]
    try:
        mistakes += _contradictions(Contract.model_validate(_with_roles(document)))
    except ValidationError as error:
        mistakes += [mistake(dict(found), _known_keys(len(found["loc"]))) for found in error.errors(include_url=False)]
    return mistakes + _duplicates(document)


def _with_roles(document: dict[str, Any]) -> dict[str, Any]:
    images = document.get("images")
    if not isinstance(images, dict):
        return document
    named = {role: {**image, "role": role} if isinstance(image, dict) else image for role, image in images.items()}
    return {**document, "images": named}


def _named(document: dict[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """Yield each image's role and its value for a key, where that is text; other values are reported elsewhere."""
    images = document.get("images")
    for role, image in images.items() if isinstance(images, dict) else ():
        value = image.get(key) if isinstance(image, dict) else None
        if isinstance(value, str):
            yield role, value


def _contradictions(contract: Contract) -> Iterator[str]:
    """Yield where keys of different tables, each of them right by itself, contradict each other."""
    application = contract.application
    heavy, package = f"application.heavy = {shown(application.heavy)}", application.module.partition(".")[0]
    if package in application.heavy:
        yield f"{heavy}: {package} is the application's own package; remove it"
    without = [role for role, image in contract.images.items() if not image.torch_expected]
    if without and "torch" not in application.heavy:
        yield f"{heavy}: images.{without[0]} has no torch, so the application must not import it; add it"
    for role, image in contract.images.items():
        begins, due = ("cu[0-9]", "CUDA") if image.torch == "cuda" else ("cpu", "CPU")
        if other := [build for build in image.torch_builds if not re.match(begins, build)]:
            key = f"images.{role}.torch_builds = {shown(image.torch_builds)}"
            yield f"{key}: {other[0]!r} contradicts cuda_expected; name {due} builds alone"
        port = f"{urlsplit(image.health).port}/tcp"
        if port not in contract.configuration_of(image).ports:
            yield (
                f"images.{role}.health = {shown(image.health)}: {port} is not in images.{role}.configuration.ports; "
                "add it, or correct the address"
            )
        for name in twice(contract.checks_of(image)):
            yield f"images.{role}.checks: {shown(name)} is there twice; give each check a name of its own"


def _duplicates(document: dict[str, Any]) -> list[str]:
    first: dict[str, str] = {}
    mistakes = []
    for role, name in _named(document, "name"):
        other = first.setdefault(_familiar(name), role)
        if other != role:
            mistakes.append(f"images.{role}.name = {shown(name)}: images.{other} has this name; give each its own")
    return mistakes


def _familiar(name: str) -> str:
    """Return the shortest of an image's names: engines add Docker Hub's address and `library/` to it by themselves."""
    path = name.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return path.removeprefix("library/") if path.count("/") == 1 else path


def _missing_files(document: dict[str, Any], root: Path) -> list[str]:
    mistakes = []
    for role, name in _named(document, "dockerfile"):
        if not os.path.isfile(root / name):  # noqa: PTH113 - Path raises for a name that no file can have
            mistakes.append(f"images.{role}.dockerfile = {shown(name)}: no such file; create it or correct the path")
    return mistakes


def _known_keys(depth: int) -> list[str]:
    if depth == 1:
        return ["schema", *(name for name in Contract.model_fields if name != "schema_")]
    inner = (
        Application, Allowed, AllowedFile, Configuration, HealthcheckDemand, Bounds, Limits, Serving,
        CommandCheck, FileCheck, SettingCheck,
    )  # fmt: skip
    return [*(set(Image.model_fields) - {"role"}), *(name for model in inner for name in model.model_fields)]
