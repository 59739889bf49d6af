"""``verify`` and ``verify-gpu``: observe the subjects side by side, judge, write, print, summarize."""

import os
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from threading import Semaphore

from rich.console import Console

from deploy.artifacts import BUILD, CONTENTS, OBSERVED, VERDICT, Artifacts, UnreadableArtifact
from deploy.contents import Contents
from deploy.contract import Contract, Image
from deploy.engine import Engine
from deploy.errors import Exit
from deploy.lock import locked_distributions
from deploy.progress import Progress
from deploy.record import BuildRecord
from deploy.runs import new_run
from verify.case import Case
from verify.containers import spawn
from verify.judge import judge, judge_gpu
from verify.observation import Observation
from verify.observe import Observer
from verify.summarize import publish, summarize
from verify.verdict import Verdict

AT_ONCE = max(4, os.cpu_count() or 1)  # images observed at the same time


def verify(
    contract: Contract, roles: list[str], engine: Engine, artifacts: Artifacts, console: Console, *, gpu: bool = False
) -> Exit:
    """Verify the images of these roles (all where none is named; with ``gpu`` those that demand CUDA torch).

    Raises:
        Problem: the lock cannot be read, or the engine is gone.

    """
    images = contract.select(roles)
    if gpu:
        images = [image for image in images if image.torch == "cuda"] if not roles else images
    for image in images:
        artifacts.begin(image.role, OBSERVED if gpu else CONTENTS)
    locked = {image.role: locked_distributions(image, contract.python) for image in images}
    verdicts: list[Verdict] = []
    with Progress((image.role for image in images), console) as progress:
        for image, observation, contents in observe_all(contract, images, engine, progress, gpu=gpu):
            record, fault = _record(artifacts, image.role)
            case = Case(contract, image, observation, contents, record, fault, locked[image.role])
            verdict = (judge_gpu if gpu else judge)(case, datetime.now(UTC).isoformat(timespec="seconds"))
            _write(artifacts, verdict, observation, contents)
            progress.show(image.role, verdict.outcome, _counted(verdict), ended=True)
            verdicts.append(verdict)
    return publish(summarize(verdicts, [image.role for image in images]), artifacts.root, console)


Seen = tuple[Image, Observation, Contents | None]


def observe_all(
    contract: Contract, images: list[Image], engine: Engine, progress: Progress, *, gpu: bool
) -> "list[Seen]":
    """Observe the images side by side; however this ends, nothing that it made on the engine is left."""
    seen: list[Seen] = []
    with new_run(engine) as run:
        observer = Observer(engine, contract, run)
        turns = Semaphore(AT_ONCE)

        def one(image: Image) -> Seen:
            with turns:
                progress.show(image.role, "observing")
                if gpu:
                    return image, observer.observe_gpu(image), None
                return (image, *observer.observe(image))

        try:
            pending: set[Future[Seen]] = {spawn(one, image) for image in images}
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                seen += [future.result() for future in done]
        finally:
            observer.gate.close()
    return seen


def _record(artifacts: Artifacts, role: str) -> tuple[BuildRecord | None, str]:
    try:
        return artifacts.read(role, BUILD, BuildRecord), ""
    except FileNotFoundError:
        return None, "no build record: the image was not built in this state, or its build failed"
    except UnreadableArtifact as error:
        return None, str(error)


def _write(artifacts: Artifacts, verdict: Verdict, observation: Observation, contents: Contents | None) -> None:
    if contents is not None:
        artifacts.write(verdict.role, CONTENTS, contents)
    artifacts.write(verdict.role, OBSERVED, observation)
    artifacts.write(verdict.role, VERDICT, verdict)


def _counted(verdict: Verdict) -> str:
    outcomes = [finding.outcome for finding in verdict.findings]
    counts = {name: outcomes.count(name) for name in ("PASS", "FAIL", "ERROR", "UNVERIFIED", "SKIP")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
