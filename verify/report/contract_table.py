"""The table of the contract that a built image needs, with comments: what its configuration and its layers tell.

What no image tells is taken over from the contract. Reasons are a person's to write: a new line's is empty, and the
contract refuses it.
"""

import math
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from deploy.allowed_files import AllowedFile
from deploy.configuration import DIRECTORY, Configuration, HealthcheckDemand
from deploy.contract import DESCRIPTION_LABEL, REVISION_LABEL, ROLE_LABEL, Image
from deploy.forms import HEALTH
from deploy.sizes import UNITS, megabytes
from verify.contents.model import Other
from verify.judge.case import Case
from verify.judge.ownership import Line, added_packages, lines_of, strangers, unused
from verify.judge.rulings.files import WITH_BYTES, kind_of, reasons
from verify.observe.disclosure import HIDDEN
from verify.observe.settings import plain
from verify.report.own_table import check_lines
from verify.report.toml import lines, remark, size

ROOM = 1.03  # a budget is 3 % above what was measured
STEP = UNITS["MB"] // 10  # that a budget is rounded up to
ROOT_USERS = ("", "0", "root")
UNTOLD = "Taken over from the contract, because the image does not tell it."
TO_DO = "Remove it from the image, or write why it is right."
NOT_MEANT = "The user may write it. Where the application need not, change the owner in the Dockerfile."
MANY = 12  # paths of one directory, beyond which one line is for all of them


def contract_table(case: Case) -> Iterator[str]:
    """Yield the lines of a role's table: the image's own keys, its configuration, and its files.

    The contents must be read without any writable directory, so that they tell which directories are.

    Raises:
        NotSeen: the image, its contents or its build record is missing.

    """
    role, packages = case.image.role, sorted({package.name for package in added_packages(case)})
    yield f"[images.{role}]"
    yield from _untold(case.image)
    yield from ("", *remark("What the image tells."))
    yield from _labelled(case)
    yield from _pytorch(case)
    yield from _budgets(case)
    yield from _served(case)
    own = [name for name in packages if name not in case.contract.packages]
    if own:
        yield from lines(
            "packages", own, "Debian packages that the image adds to its base. Remove what it does not need."
        )
    yield from _table(f"images.{role}.configuration", list(_configuration(case)))
    update = {"packages": packages, "files": {}, "writable": writable_of(case)}
    alone = replace(case, image=case.image.model_copy(update=update))
    yield from _table(f"images.{role}.files", list(_files(alone, case.image)))
    yield from check_lines(f"images.{role}.checks", case.image.checks)


def _table(name: str, body: list[str]) -> Iterator[str]:
    if body:
        yield from ("", f"[{name}]" if any(not line.startswith("#") for line in body) else f"# [{name}]", *body)


def _untold(image: Image) -> Iterator[str]:
    limits = {**image.limits.model_dump(), "memory": size(image.limits.memory)}
    growth = None if image.growth_at_most is None else size(image.growth_at_most)
    duplicates = [allowed.model_dump() for allowed in image.duplicate_libraries]
    yield from remark("No image tells these keys: they are taken over from the contract.")
    yield from (*lines("name", image.name), *lines("dockerfile", image.dockerfile))
    for key in ("extras", "groups", "worker_types"):
        yield from lines(key, values) if (values := getattr(image, key)) else ()
    yield from lines("growth_at_most", growth) if growth else ()
    yield from lines("limits", limits)
    yield from lines("duplicate_libraries", duplicates) if duplicates else ()


def _labelled(case: Case) -> Iterator[str]:
    image, labels = case.image, case.subject.labels
    said = labels.get(DESCRIPTION_LABEL, "")
    lacking = () if said else (f"The image lacks the label {DESCRIPTION_LABEL}: give it this description.",)
    yield from lines("description", said or image.description, *lacking)
    if labels.get(ROLE_LABEL) != image.role:
        yield from remark(f"The image's label {ROLE_LABEL} has to be {image.role}.")


def _pytorch(case: Case) -> Iterator[str]:
    contents = case.contents
    torch = [held.version for held in contents.distributions if held.name == "torch"]
    if not torch:
        yield from (*lines("torch_expected", value=False), *lines("cuda_expected", "n/a"))
        return
    cuda = bool(contents.cuda_libraries or contents.cuda_code)
    yield from lines("torch_expected", True, f"The layers hold torch {', '.join(torch)}.")
    yield from lines("cuda_expected", "host_dependent" if cuda else False)
    labels = sorted({label for version in torch if (label := version.partition("+")[2])})
    ask = "No label in the distribution's version: ask `torch.__version__` in the image where this is wrong."
    yield from lines("torch_builds", labels or case.image.torch_builds, *(() if labels else (ask,)))
    if cuda:
        ask = "The layers do not tell: ask `torch.cuda.get_arch_list()` in the image where this is wrong."
        yield from lines("gpu_architectures", case.image.gpu_architectures, ask)


def _budgets(case: Case) -> Iterator[str]:
    added, total = case.contents.added_bytes(case.base_layers), case.contents.unpacked_bytes
    base = f"{megabytes(total - added)} MB are of the base image {case.base.reference}"
    for key, measured, more in (("added_at_most", added, ""), ("total_at_most", total, f"; {base}")):
        bound = max(STEP, math.ceil(measured * ROOM / STEP) * STEP)
        yield from lines(key, size(bound), f"Measured: {megabytes(measured)} MB{more}.")


def _served(case: Case) -> Iterator[str]:
    image, words = case.image, case.subject.healthcheck
    told = bool(words) and re.match(HEALTH, words[-1]) is not None
    yield from lines("health", words[-1] if told else image.health, *(() if told else (UNTOLD,)))
    if found := writable_of(case):
        yield from lines("writable", found, UNTOLD if _is_root(case) else NOT_MEANT)


def writable_of(case: Case) -> list[str]:
    """Return the highest directories above the base that the user may write; the contract's where he is root."""
    if _is_root(case):
        return case.image.writable  # root may write everything
    contents = case.contents
    found = {path for path, layer in contents.writable.items() if layer >= case.base_layers}
    others = {other.path for other in contents.others if other.kind != "directory"}
    inside = (*found, *map(posixpath.dirname, contents.environments))
    return sorted(
        path
        for path in found - others
        if re.fullmatch(DIRECTORY, path) and not any(path.startswith(f"{above}/") for above in inside)
    )


def _is_root(case: Case) -> bool:
    return case.subject.user.partition(":")[0] in ROOT_USERS


def _configuration(case: Case) -> Iterator[str]:
    """Yield what the image sets otherwise than the contract says of every image; what the base set is no part of it."""
    subject, base, shared = case.subject, case.base, case.contract.configuration
    for key in ("user", "working_directory", "entrypoint", "command", "shell", "stop_signal", "volumes", "on_build"):
        inherited = getattr(base, key) if key in ("shell", "stop_signal") else ""
        seen, due = (plain(key, value or "") for value in (getattr(subject, key), getattr(shared, key) or inherited))
        yield from _setting(key, seen, due, Configuration.model_fields[key].get_default())
    if set(subject.ports) != {*base.ports, *shared.ports}:
        yield from _setting("ports", [port for port in subject.ports if port not in base.ports], None, [])
    if subject.author != base.author:
        yield from remark(
            "The image names another author than its base (MAINTAINER), for which the contract has no key."
        )
    yield from _healthcheck(case)
    implied = {ROLE_LABEL, DESCRIPTION_LABEL, REVISION_LABEL}
    for key in ("environment", "labels"):
        allowed = {**getattr(base, key), **getattr(shared, key)}
        found = {name: value for name, value in getattr(subject, key).items() if key != "labels" or name not in implied}
        own = {name: value for name, value in found.items() if allowed.get(name) != value}
        if own:
            yield from lines(key, own, *_hidden(own.values()))
        if lacking := sorted(allowed.keys() - getattr(subject, key).keys()):
            yield from remark(f"The contract has {key} for every image that this one lacks: {', '.join(lacking)}.")


def _setting(key: str, seen: Any, due: Any, default: Any) -> Iterator[str]:
    if (seen or None) == (due or None):
        return
    if not seen and default is None:
        yield from remark(f"The image sets no {key}: the contract has {due} for every image.")
        return
    value = seen or default
    yield from lines(key, value, *_hidden([value] if isinstance(value, str) else value))


def _hidden(values: Iterable[str]) -> Iterator[str]:
    if any(HIDDEN in value for value in values):
        yield f"{HIDDEN} hides what looks like a secret: no image may hold one."


def _healthcheck(case: Case) -> Iterator[str]:
    subject, shared = case.subject, case.contract.configuration.healthcheck
    if not subject.has_healthcheck:
        if shared:
            yield from remark("The image has no HEALTHCHECK: the contract has one for every image.")
        return
    kind, *words = subject.healthcheck
    if kind != "CMD" or not words or not re.match(HEALTH, words[-1]):
        yield from remark("HEALTHCHECK has to be words in brackets, with the image's health address as the last.")
        return
    numbers = subject.healthcheck_numbers

    def fits(known: HealthcheckDemand | None) -> bool:
        return (
            known is not None
            and words[:-1] == known.command
            and all(bound.at_least <= numbers.get(name, 0.0) <= bound.at_most for name, bound in known.numbers.items())
        )

    own = case.image.configuration.healthcheck
    if own and fits(own):
        yield from lines("healthcheck", own.model_dump())
    elif not fits(shared):
        bounds = {name: {"at_least": value, "at_most": value} for name, value in numbers.items()}
        due = {"command": words[:-1], **bounds}
        yield from lines("healthcheck", due, "The bounds are the image's own values: widen them.")


def _files(case: Case, image: Image) -> Iterator[str]:
    """Yield a line for each path without an owner: the contract's own where it has one, else one without a reason."""
    alone, own = strangers(case), lines_of(image.files)
    for line in own:
        if any(map(line.allows, alone)):
            yield from lines(line.pattern, _written(line.due))
        else:
            yield from remark(f"The image does not use the line {line.pattern}: it is left out here.")
    new = [other for other in alone if not any(line.allows(other) for line in own)]
    found = [Line(other.path, _due(other)) for other in new if other.kind != "device"]
    groups = defaultdict[tuple[str, AllowedFile], list[Other]](list)
    for other in new:
        if other.kind == "device":
            yield from remark(f"{other.path}: {_described([other], case)}. No line allows it: remove it.")
        elif not any(line.pattern != other.path and line.allows(other) for line in found):
            groups[posixpath.dirname(other.path), _due(other)].append(other)
    yield from _new(groups, case)
    if stale := unused(case):
        yield from remark(f"The contract names for every image, and this one lacks: {', '.join(stale)}.")


def _new(groups: Mapping[tuple[str, AllowedFile], list[Other]], case: Case) -> Iterator[str]:
    """Yield the lines for paths by directory and kind: one for many of a kind, where no other kind has it."""
    taken = set[str]()
    for (directory, due), group in groups.items():
        pattern = posixpath.join(directory, "*")
        many = len(group) > MANY and pattern not in taken
        taken |= {pattern} if many else set()
        for path, others in [(pattern, group)] if many else [(one.path, [one]) for one in group]:
            yield from lines(path, _written(due), f"{_described(others, case)}. {TO_DO}")


def _due(other: Other) -> AllowedFile:
    """Return what the contract has to say of a path, without the reason, which a person has to write."""
    kind = "file" if other.kind == "hard link" else other.kind
    return AllowedFile.model_construct(kind=kind, target=other.target, reason="")


def _written(due: AllowedFile) -> str | dict[str, str]:
    """Return a line as the contract writes it: the reason alone for a file that nobody may execute."""
    return due.reason if due.kind == "file" else due.model_dump(exclude_defaults=True)


def _described(others: list[Other], case: Case) -> str:
    first, amount = others[0], f"{sum(other.bytes for other in others)} bytes"
    kind = f"{len(others)} paths, {amount}" if others[1:] else amount if first.kind in WITH_BYTES else kind_of(first)
    known = dict.fromkeys(reason for other in others for reason in reasons(other, case))
    return ", ".join([kind, f"layer {first.layer}{', removed later' * first.gone}", *known])
