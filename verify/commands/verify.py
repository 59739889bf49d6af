"""``verify`` and ``verify-gpu``: observe the subjects side by side, judge, write, print, summarize."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Semaphore

from rich.console import Console

from deploy.application import application_files
from deploy.artifacts import (
    BILL,
    BUILD,
    CONTENTS,
    GPU,
    OBSERVED,
    OTHERS,
    VERDICT,
    Artifacts,
    UnreadableArtifact,
    write_text,
)
from deploy.build_inputs import inputs_by_role
from deploy.build_record import Base, BuildRecord
from deploy.contract import Image
from deploy.engine.connection import Engine
from deploy.engine.runs import new_run
from deploy.errors import Exit, Problem
from deploy.left_out import LeftOut, read_left_out
from deploy.progress import Progress
from deploy.project import Project
from deploy.uv_lock import check_current, locked_distributions, requirers, wheels
from verify.commands.baseline import read_baseline
from verify.contents.files import APPLICATION
from verify.contents.model import Contents
from verify.judge.case import Case
from verify.judge.difference import Baseline
from verify.judge.judge import judge, judge_gpu
from verify.judge.verdict import Verdict
from verify.observe.containers import spawn
from verify.observe.model import Observation
from verify.observe.observer import Observer
from verify.report.bills import bill_of
from verify.report.summary import summarize
from verify.report.write import publish

AT_ONCE = max(4, os.cpu_count() or 1)  # images observed at the same time

Seen = tuple[Image, Observation, Contents | None]


@dataclass(frozen=True)
class Other:
    """An image in place of a role's own: its name on the engine or in a registry, and its base's, "" if unsaid."""

    name: str
    base: str = ""


@dataclass(frozen=True)
class Checkout:
    """What the checkout says of the images, read once for all of them."""

    project: Project
    images: Mapping[str, Image]  # role -> the image that is looked at
    locked: Mapping[str, dict[str, str]]  # role -> distribution -> version
    requirers: Mapping[str, list[str]]  # distribution -> who requires it, by the lock
    wheels: Mapping[str, Mapping[str, str]]  # distribution -> file -> SHA-256, by the lock
    left_out: list[LeftOut]
    inputs: Mapping[str, str]  # role -> digest of the files that the image is built from, if it is built here
    sources: Mapping[str, str]  # path below the application's package -> SHA-256
    baseline: Baseline


def verify(
    project: Project,
    roles: list[str],
    engine: Engine,
    console: Console,
    *,
    gpu: bool = False,
    other: Other | None = None,
) -> Exit:
    """Verify the images of these roles (all where none is named; with ``gpu`` those that demand CUDA torch).

    ``other``: an image that nobody here built, and that is judged by the one role that is named.

    Raises:
        Problem: the lock cannot be read, the engine is gone, or a result could not be written.

    """
    contract, artifacts = project.contract, project.artifacts
    images = [elsewhere(image, project.root, other) for image in contract.select(roles)]
    if gpu:
        images = [image for image in images if image.torch == "cuda"] if not roles else images
    apart = GPU if gpu else OTHERS if other else ""
    results = Artifacts(artifacts.root / apart) if apart else artifacts  # two contracts, two verdicts
    for image in images:
        results.begin(image.role, CONTENTS)
    checkout = _read_checkout(project, images)
    verdicts: list[Verdict] = []
    problems: list[Problem] = []
    with (
        Progress((image.role for image in images), console) as progress,
        closing(_observe(project, images, engine, progress, _bases(artifacts, images), gpu=gpu)) as observed,
    ):
        for image, observation, contents in observed:
            verdict = judge_one(checkout, (image, observation, contents), gpu=gpu)
            problems += _write(results, verdict, observation, contents, checkout)
            progress.show(image.role, verdict.outcome, _counted(verdict), ended=True)
            verdicts.append(verdict)
    asked = [image.role for image in images]
    others = [role for role in contract.roles if role not in asked and not apart]
    code = publish(summarize(verdicts, asked, others=others), results.root, console, explained=not other)
    if problems:  # the other results are written and shown all the same
        raise problems[0]
    return code


def elsewhere(image: Image, root: Path, other: Other | None = None) -> Image:
    """Return an image with its path from the checkout's root, or another image in its place that was not built here."""
    if other:
        apart = {"source": "registry", "dockerfile": "", "path": "", "base": other.base or image.base}
        return image.model_copy(update={"name": other.name, **apart})
    return image.model_copy(update={"path": str(root / image.path)}) if image.path else image


def _read_checkout(project: Project, images: Sequence[Image]) -> Checkout:
    contract, root = project.contract, project.root
    check_current(contract.python, root)
    lock = project.lock.read_text(encoding="utf-8")
    return Checkout(
        project=project,
        images={image.role: image for image in images},
        locked={image.role: locked_distributions(image, contract.python, root) for image in images},
        requirers=requirers(lock),
        wheels=wheels(lock),
        left_out=read_left_out(project.left_out),
        inputs=dict(inputs_by_role([image for image in images if image.built_here], root)),
        sources=application_files(APPLICATION, root),
        baseline=read_baseline(project.baseline),
    )


def _bases(artifacts: Artifacts, images: Iterable[Image]) -> dict[str, Base]:
    records = {image.role: read_record(artifacts, image.role)[0] for image in images if image.built_here}
    return {role: record.base for role, record in records.items() if record is not None}


def _observe(
    project: Project,
    images: Iterable[Image],
    engine: Engine,
    progress: Progress,
    bases: Mapping[str, Base],
    *,
    gpu: bool,
) -> Generator[Seen, None, None]:
    """Observe the images side by side, and yield each as it is done. Nothing is left on the engine, however it ends."""
    with new_run(engine) as run:
        observer = Observer(
            engine,
            project.contract,
            run,
            project.cache,
            bases=bases,
            tell=lambda role, what: progress.show(role, "observing", what),
        )
        turns = Semaphore(AT_ONCE)

        def observe(image: Image) -> Seen:
            with turns:
                progress.show(image.role, "observing")
                if gpu:
                    return image, observer.observe_gpu(image), None
                return (image, *observer.observe(image))

        try:
            for observed in as_completed([spawn(observe, image) for image in images]):
                yield observed.result()
        finally:
            observer.gate.close()


def judge_one(checkout: Checkout, seen: Seen, *, gpu: bool) -> Verdict:
    """Return the verdict on one image, from what was seen of it, its build record and the checkout."""
    image, observation, contents = seen
    record, fault = read_record(checkout.project.artifacts, image.role)
    case = Case(
        contract=checkout.project.contract,
        image=image,
        observation=observation,
        maybe_contents=contents,
        maybe_record=record,
        record_error=fault,
        locked=checkout.locked[image.role],
        left_out=checkout.left_out,
        baseline=checkout.baseline.images.get(image.role),
        requirers=checkout.requirers,
        inputs=checkout.inputs.get(image.role),
        sources=checkout.sources,
    )
    return (judge_gpu if gpu else judge)(case, datetime.now(UTC).isoformat(timespec="seconds"))


def read_record(artifacts: Artifacts, role: str) -> tuple[BuildRecord | None, str]:
    """Return a role's build record, or why there is none."""
    try:
        return artifacts.read(role, BUILD, BuildRecord), ""
    except FileNotFoundError:
        return None, "no build record: the image was not built in this state, or its build failed"
    except UnreadableArtifact as error:
        return None, str(error)


def _write(
    artifacts: Artifacts, verdict: Verdict, observation: Observation, contents: Contents | None, checkout: Checkout
) -> Iterator[Problem]:
    """Write one image's results, and yield what went wrong: one result that fails keeps no other from being written."""
    bill = None
    try:
        image, cache = checkout.images[verdict.role], checkout.project.cache / "sbom"
        locked, wheels = checkout.locked[image.role], checkout.wheels
        bill = bill_of(image, contents, locked, checkout.requirers, wheels, cache=cache) if contents else None
    except Exception as error:  # noqa: BLE001 - of one image's bill: the verdicts are shown all the same
        next_step = "this is an error of the verifier: report it with contents.json"
        yield Problem(f"making the bill of materials of {verdict.role}", repr(error)[:500], next_step)
    try:
        if contents is not None:
            artifacts.write(verdict.role, CONTENTS, contents)
        if bill is not None:
            with artifacts.writing():
                write_text(artifacts.path(verdict.role, BILL), bill)
        artifacts.write(verdict.role, OBSERVED, observation)
        artifacts.write(verdict.role, VERDICT, verdict)
    except Problem as problem:
        yield problem


def _counted(verdict: Verdict) -> str:
    outcomes = [finding.outcome for finding in verdict.findings]
    counts = {name: outcomes.count(name) for name in ("PASS", "FAIL", "ERROR", "UNVERIFIED", "SKIP")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
