"""``verify`` and ``verify-gpu``: observe the subjects side by side, judge, write, print, summarize."""

import os
from collections.abc import Callable
from concurrent.futures import as_completed
from datetime import UTC, datetime
from threading import Semaphore

from rich.console import Console

from deploy.artifacts import BILL, BUILD, CONTENTS, GPU, OBSERVED, VERDICT, Artifacts, UnreadableArtifact, write_text
from deploy.build_inputs import inputs
from deploy.build_record import BuildRecord
from deploy.contract import Contract, Image
from deploy.engine.connection import Engine
from deploy.engine.runs import new_run
from deploy.errors import Exit, Problem
from deploy.left_out import read_left_out
from deploy.progress import Progress
from deploy.uv_lock import LOCK, check_current, locked_distributions, requirers, wheels
from verify.commands.baseline import read_baseline
from verify.commands.summarize import publish, summarize
from verify.contents.model import Contents
from verify.judge.case import Case
from verify.judge.judge import judge, judge_gpu
from verify.judge.verdict import Verdict
from verify.observe.containers import spawn
from verify.observe.model import Observation
from verify.observe.observer import Observer
from verify.report.bills import bill_of

AT_ONCE = max(4, os.cpu_count() or 1)  # images observed at the same time


def verify(
    contract: Contract, roles: list[str], engine: Engine, artifacts: Artifacts, console: Console, *, gpu: bool = False
) -> Exit:
    """Verify the images of these roles (all where none is named; with ``gpu`` those that demand CUDA torch).

    Raises:
        Problem: the lock cannot be read, the engine is gone, or a result could not be written.

    """
    images = contract.select(roles)
    if gpu:
        images = [image for image in images if image.torch == "cuda"] if not roles else images
    results = Artifacts(artifacts.root / GPU) if gpu else artifacts  # two contracts, two verdicts
    for image in images:
        results.begin(image.role, CONTENTS)
    check_current(contract.python)
    locked = {image.role: locked_distributions(image, contract.python) for image in images}
    left_out = read_left_out()
    sources = {image.role: inputs(image) for image in images}
    lock = LOCK.read_text(encoding="utf-8")
    baseline, required, files = read_baseline(), requirers(lock), wheels(lock)
    verdicts: list[Verdict] = []
    unwritten: list[Problem] = []
    with Progress((image.role for image in images), console) as progress:

        def conclude(image: Image, observation: Observation, contents: Contents | None) -> None:
            record, fault = _record(artifacts, image.role)
            case = Case(
                contract, image, observation, contents, record, fault, locked[image.role], left_out,
                baseline.images.get(image.role), required, sources[image.role],
            )  # fmt: skip
            bill = None
            try:
                bill = bill_of(image, contents, locked[image.role], required, files) if contents else None
            except Exception as error:  # noqa: BLE001 - of one image's bill: the verdicts are shown all the same
                next_step = "this is an error of the verifier: report it with contents.json"
                unwritten.append(Problem(f"making the bill of materials of {image.role}", repr(error)[:500], next_step))
            verdict = (judge_gpu if gpu else judge)(case, datetime.now(UTC).isoformat(timespec="seconds"))
            try:
                _write(results, verdict, observation, contents, bill)
            except Problem as problem:  # what was seen is shown all the same, of every image
                unwritten.append(problem)
            progress.show(image.role, verdict.outcome, _counted(verdict), ended=True)
            verdicts.append(verdict)

        _observe_all(contract, images, engine, progress, conclude, gpu=gpu)
    asked = [image.role for image in images]
    others = [role for role in contract.roles if role not in asked and not gpu]
    code = publish(summarize(verdicts, asked, others=others), results.root, console)
    if unwritten:
        raise unwritten[0]
    return code


Conclude = Callable[[Image, Observation, Contents | None], None]


def _observe_all(
    contract: Contract, images: list[Image], engine: Engine, progress: Progress, conclude: Conclude, *, gpu: bool
) -> None:
    """Observe the images side by side, concluding on each as it comes; however this ends, nothing made is left."""
    with new_run(engine) as run:
        observer = Observer(engine, contract, run)
        turns = Semaphore(AT_ONCE)

        def one(image: Image) -> tuple[Image, Observation, Contents | None]:
            with turns:
                progress.show(image.role, "observing")
                if gpu:
                    return image, observer.observe_gpu(image), None
                return (image, *observer.observe(image))

        try:
            for seen in as_completed([spawn(one, image) for image in images]):
                conclude(*seen.result())
        finally:
            observer.gate.close()


def _record(artifacts: Artifacts, role: str) -> tuple[BuildRecord | None, str]:
    try:
        return artifacts.read(role, BUILD, BuildRecord), ""
    except FileNotFoundError:
        return None, "no build record: the image was not built in this state, or its build failed"
    except UnreadableArtifact as error:
        return None, str(error)


def _write(
    artifacts: Artifacts, verdict: Verdict, observation: Observation, contents: Contents | None, bill: str | None
) -> None:
    if contents is not None:
        artifacts.write(verdict.role, CONTENTS, contents)
    if bill is not None:
        with artifacts.writing():
            write_text(artifacts.path(verdict.role, BILL), bill)
    artifacts.write(verdict.role, OBSERVED, observation)
    artifacts.write(verdict.role, VERDICT, verdict)


def _counted(verdict: Verdict) -> str:
    outcomes = [finding.outcome for finding in verdict.findings]
    counts = {name: outcomes.count(name) for name in ("PASS", "FAIL", "ERROR", "UNVERIFIED", "SKIP")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
