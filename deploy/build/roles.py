"""Contract → images, with python-on-whales: all roles side by side, each in a process of its own."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from multiprocessing.process import BaseProcess

from pydantic import ValidationError
from rich.console import Console

from deploy.application import untracked_files
from deploy.artifacts import BUILD, LOG, Artifacts
from deploy.base.image import BaseImage, ensure_base
from deploy.build import forkserver
from deploy.build.builder import check_base, check_podman
from deploy.build.buildkit_log import BuildLog
from deploy.build.host_settings import Settings, host_settings
from deploy.build.layer_cache import cache_options, check_export
from deploy.build.messages import MESSAGE, BuildRequest, Built, Failed, Line, Options
from deploy.build.provenance import Mask, base_record, source
from deploy.build.uv_binary import uv_binary
from deploy.build_inputs import inputs_by_role
from deploy.build_record import BuildRecord, Source, StepRecord
from deploy.contract import Image
from deploy.engine import processes
from deploy.engine.connection import Engine, silence
from deploy.errors import Exit, Problem
from deploy.progress import Progress
from deploy.project import Project
from deploy.uv_lock import check_current, locked_version

DEADLINE = 3600.0  # seconds a build may take in all
STALL = 900.0  # seconds a build may stay silent: compressing a CUDA layer is the longest silence seen
LISTEN = 30.0  # seconds of silence after which the engine is asked whether it is still there
GRACE = 3.0  # seconds between asking a build to end and ending it
SHOWN_LINES = 20
LINE_AT_MOST = 1 << 26  # bytes of one line that a build's process prints
NO_SPACE = "no space left on device"


@dataclass(frozen=True)
class Shared:
    """What all builds of one run have in common."""

    project: Project
    settings: Settings
    base: BaseImage
    engine: Engine
    source: Source
    inputs: Mapping[str, str]  # role -> digest of what it is built from, taken before the builds begin
    mask: Mask


@dataclass
class Build:
    """The state of one role's build."""

    image: Image
    log: BuildLog = field(default_factory=BuildLog)
    built: Built | None = None
    failure: str = ""
    next_step: str = ""
    code: Exit = Exit.FAILED  # of a build that failed
    started: float = field(default_factory=time.monotonic)

    def prevented(self, wrong: str, next_step: str) -> None:
        """Note that the build failed for a reason outside of it."""
        self.built, self.failure, self.next_step, self.code = None, wrong, next_step, Exit.UNAVAILABLE


def build(project: Project, roles: list[str], engine: Engine, console: Console, *, mask: Mask) -> Exit:
    """Build the images of these roles, all of them where none is named; a failed one stops no other.

    ``mask`` hides secrets in what the base image sets, given a name (or "") and its value.

    Raises:
        Problem: nothing could be built: settings, base image, engine.

    """
    contract, artifacts = project.contract, project.artifacts
    images = [image for image in contract.select(roles) if image.built_here or roles]
    if others := [image.role for image in images if not image.built_here]:
        wrong = f"nothing builds {', '.join(others)}: its source is another in images.toml"
        raise Problem("reading the roles on the command line", wrong, "name other roles, or none", Exit.USAGE)
    check_current(contract.python, project.root)
    check_podman(engine)
    check_export(engine, os.environ)
    for image in images:
        artifacts.begin(image.role, BUILD)
    program = uv_binary(contract.platform, project.lock, project.cache)
    settings = host_settings(locked_version("torch", project.lock), project.cache, program=program)
    base = ensure_base(
        engine,
        contract.python,
        os.environ.get("PYTHON_IMAGE"),
        project.pins,
        lambda text: console.print(text, soft_wrap=True),
        platform=contract.platform,
    )
    check_base(engine, base)
    console.print(f"base image {base.reference} ({base.origin})", soft_wrap=True)
    if settings.torch_wheel and any(image.torch == "cpu" for image in images):
        console.print(f"CPU torch from the host's find-links directory: {settings.torch_wheel}", soft_wrap=True)
    if foreign := untracked_files(contract.application.module.partition(".")[0], project.root):
        console.print(f"not in git, and yet built in: {', '.join(foreign)}; `verify` refuses that: git add, or remove")
    digests = inputs_by_role(images, project.root)
    shared = Shared(project, settings, base, engine, source(project), digests, mask)
    builds = asyncio.run(_build_all(images, shared, console))
    failed = [state for state in builds if state.built is None]
    _find_the_cause(failed, engine)
    for state in failed:
        _show_failure(state, artifacts, settings, console)
    if not failed:
        return Exit.OK
    return Exit.UNAVAILABLE if all(state.code == Exit.UNAVAILABLE for state in failed) else Exit.FAILED


async def _build_all(images: list[Image], shared: Shared, console: Console) -> list[Build]:
    with Progress((image.role for image in images), console) as progress:
        done = await asyncio.gather(*(_build(image, shared, progress) for image in images), return_exceptions=True)
    builds = [result for result in done if isinstance(result, Build)]
    if unforeseen := [result for result in done if isinstance(result, BaseException)]:
        raise unforeseen[0]  # the others have come to their end first
    return builds


async def _build(image: Image, shared: Shared, progress: Progress) -> Build:
    """Build one image and write its record; the returned state tells of a failure."""
    state = Build(image)
    try:
        with _log(shared.project.artifacts, image.role) as log:
            await _run(state, shared, log, progress)
        if state.built is not None:
            record = _record(state, state.built, shared)
            shared.project.artifacts.write(image.role, BUILD, record)
    except TimeoutError as error:
        state.failure, state.next_step = str(error), "see what that step waits for; what is done is cached: build again"
    except Problem as problem:
        state.prevented(f"{problem.doing}: {problem.wrong}", problem.next_step)
    if state.built is None:
        progress.show(image.role, "failed", shared.settings.redact(state.failure), ended=True)
        return state
    progress.show(image.role, "built", f"{record.steps_cached} steps cached, {record.steps_run} run", ended=True)
    return state


Write = Callable[[str], None]


@contextlib.contextmanager
def _log(artifacts: Artifacts, role: str) -> Iterator[Write]:
    """Open the build's log and yield a function that writes a line at once; Problem if the log cannot be written."""
    path = artifacts.path(role, LOG)
    with artifacts.writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb", buffering=0)

    def write(line: str) -> None:
        with artifacts.writing():
            file.write(f"{line}\n".encode("utf-8", "replace"))

    with file:
        yield write


def _request(image: Image, shared: Shared) -> BuildRequest:
    settings, base, root = shared.settings, shared.base, shared.project.root
    cache = cache_options(image.role, os.environ)
    options = Options(
        context_path=str(root),
        file=str(root / image.dockerfile),
        tags=[image.name],
        build_args={**settings.build_args, "PYTHON_IMAGE": base.reference, "REVISION": shared.source.revision},
        build_contexts=settings.contexts,
        platforms=[shared.project.contract.platform],
        secrets=settings.secrets,
        cache_from=cache.get("cache_from"),
        cache_to=cache.get("cache_to"),
    )
    return BuildRequest(engine=shared.engine, options=options)


async def _run(state: Build, shared: Shared, log: Write, progress: Progress) -> None:
    """Run one build to its end; ends its process group on a deadline and when cancelled.

    Raises:
        TimeoutError: the build took too long or fell silent; the message says what was waited for.
        Problem: the engine fell silent, or the log cannot be written.

    """
    # Without labels of the client's own on the checkout: the contract has none
    environment = {**os.environ, "BUILDX_GIT_LABELS": "", **shared.settings.environment}
    process, said = forkserver.start(
        partial(forkserver.build_one, _request(state.image, shared)), environment, shared.project.root
    )
    try:
        stream, held = await asyncio.open_connection(sock=said, limit=LINE_AT_MOST)
        progress.show(state.image.role, "building")
        while line := await _next_line(state, stream, shared.engine):
            _take(state, line.decode("utf-8", "replace"), log, shared.settings, progress)
        await asyncio.to_thread(process.join, GRACE)
        held.close()
    finally:
        await _end(process)
    if state.built is None and not state.failure:
        state.failure = f"the build's process ended with {process.exitcode}"


async def _next_line(state: Build, stream: asyncio.StreamReader, engine: Engine) -> bytes:
    """Wait for the next line of a build, as long as there is time and the engine answers; b"" when it has ended.

    The wait ends after STALL seconds of silence and DEADLINE seconds in all. After each LISTEN seconds of silence the
    engine is asked whether it still answers.
    """
    heard = time.monotonic()
    while True:
        now = time.monotonic()
        silent, all_in_all = heard + STALL - now, state.started + DEADLINE - now
        left = max(0.0, min(silent, all_in_all))
        try:
            return await asyncio.wait_for(stream.readline(), min(LISTEN, left))
        except TimeoutError:
            what = state.log.current or "the builder"
        if left <= LISTEN:
            waited = (
                f"waited {DEADLINE:.0f} s in all" if all_in_all <= silent else f"no output for {STALL:.0f} s; waited"
            )
            raise TimeoutError(f"{waited} for: {what}")
        if wrong := await asyncio.to_thread(silence, engine):
            raise _engine_gone(engine, f"{wrong}; waited for: {what}")


def _engine_gone(engine: Engine, wrong: str) -> Problem:
    next_step = "restart the engine (./noxw -s engine starts one where none runs), then build again"
    told = f"it answered before and does not now: {wrong}"
    return Problem(f"building on the engine at {engine.address.shown}", told, next_step)


def _take(state: Build, line: str, log: Write, settings: Settings, progress: Progress) -> None:
    """Take one message of the build's process (deploy.build.messages)."""
    try:
        message = MESSAGE.validate_json(line)
    except ValidationError:
        message = Line(text=line)  # a traceback of the process itself: it belongs into the log
    match message:
        case Line(text=text):
            for shown in state.log.feed(text):
                log(settings.redact(shown))
        case Built():
            state.built = message
        case Failed(reason=reason):
            state.failure = reason
    if state.log.current:
        progress.show(state.image.role, "building", settings.redact(state.log.current))


async def _end(process: BaseProcess) -> None:
    """End the build's process group, asking first; a process that the kernel does not release delays nobody."""
    assert process.pid is not None  # noqa: S101 - it was started
    await asyncio.to_thread(processes.end, process.pid, GRACE, GRACE, group=True)
    await asyncio.to_thread(process.join, GRACE)


def _record(state: Build, built: Built, shared: Shared) -> BuildRecord:
    settings, engine = shared.settings, shared.engine
    seconds = time.monotonic() - state.started
    began = datetime.fromtimestamp(time.time() - seconds, UTC)
    torch_source = {"absent": "none", "cuda": "the lock's index"}.get(state.image.torch)
    return BuildRecord(
        role=state.image.role,
        tag=state.image.name,
        image_id=built.image_id,
        identity=built.identity,
        layers=built.layers,
        started=began.isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        steps=[
            StepRecord(
                name=settings.redact(step.title),
                cached=step.cached,
                seconds=step.seconds,
                after=state.log.after(step),
            )
            for step in state.log.instructions
        ],
        exporting_seconds=round(state.log.exporting_seconds, 3),
        source=shared.source,
        inputs=shared.inputs[state.image.role],
        base=base_record(shared.base, shared.mask),
        torch_source=torch_source or settings.torch_wheel or "pytorch-cpu index",
        tools={
            "docker engine": engine.version,
            "buildx": engine.buildx,
            **{name: version(name) for name in ("python-on-whales", "docker", "uv")},
        },
    )


def _find_the_cause(failed: list[Build], engine: Engine) -> None:
    """Separate builds that failed by themselves from builds that a full disk or a dead engine ended."""
    unexplained = [state for state in failed if state.code == Exit.FAILED]
    gone = silence(engine) if unexplained else ""
    for state in unexplained:
        if gone:
            problem = _engine_gone(engine, gone)
            state.prevented(f"{problem.doing}: {problem.wrong}", problem.next_step)
        elif NO_SPACE in _failure_text(state).lower():
            disk = f"the disk that holds {engine.root}" if engine.root else "the engine's disk"
            next_step = f"free some of {disk} (docker system df shows what takes it, ./noxw -s clean -- --all frees it)"
            state.prevented(f"{state.failure}: {NO_SPACE} on {disk}", next_step)


def _failure_text(state: Build) -> str:
    step = state.log.failed
    return "\n".join([state.failure, *state.log.other, *([step.error, *step.tail] if step else [])])


def _show_failure(state: Build, artifacts: Artifacts, settings: Settings, console: Console) -> None:
    step = state.log.failed
    name = step.title if step else "no step: the build client itself failed"
    lines = (step.tail if step and step.tail else state.log.other)[-SHOWN_LINES:]
    text = [f"\n{state.image.role}: build failed: {state.failure}"]
    text += [f"  step  {name}"] if step or not state.next_step else []
    text += [f"  error {step.error}"] if step else []
    text += [f"  | {line}" for line in lines]
    text += [f"  next: {state.next_step}"] if state.next_step else []
    log = artifacts.path(state.image.role, LOG)
    text += [f"  whole log: {log}"] if log.exists() else []
    console.print(settings.redact("\n".join(text)), markup=False, highlight=False, soft_wrap=True)
