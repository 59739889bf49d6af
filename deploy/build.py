"""Contract → images, with python-on-whales: every role in a process of its own, side by side."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import IO, Any

from pydantic import TypeAdapter
from rich.console import Console

from deploy.artifacts import BUILD, LOG, Artifacts
from deploy.base import BaseImage, ensure_base
from deploy.buildlog import BuildLog
from deploy.contract import ROOT, Contract, Image
from deploy.engine import Engine
from deploy.errors import Exit, Problem
from deploy.lock import lock_sha256, locked_version
from deploy.progress import Progress
from deploy.record import Base, BuildRecord, Source, StepRecord
from deploy.settings import Settings, host_settings

DEADLINE = 3600.0  # seconds a build may take in all
STALL = 900.0  # seconds a build may stay silent: compressing a CUDA layer is the longest silence seen
GRACE = 3.0  # seconds between asking a build to end and ending it
SHOWN_LINES = 20
NO_SPACE = "no space left on device"


@dataclass(frozen=True)
class Shared:
    """What every build of one run shares."""

    settings: Settings
    base: BaseImage
    engine: Engine
    source: Source
    artifacts: Artifacts


@dataclass
class Build:
    """One role's build, as it goes."""

    image: Image
    log: BuildLog = field(default_factory=BuildLog)
    built: dict[str, Any] | None = None
    failure: str = ""
    started: float = field(default_factory=time.monotonic)


def build(contract: Contract, roles: list[str], engine: Engine, artifacts: Artifacts, console: Console) -> Exit:
    """Build the images of these roles, all of them where none is named; a failed one stops no other.

    Raises:
        Problem: nothing could be built: settings, base image, engine.

    """
    images = contract.select(roles)
    for image in images:
        artifacts.begin(image.role, BUILD)
    settings = host_settings(locked_version("torch"))
    base = ensure_base(
        engine, contract.python, os.environ.get("PYTHON_IMAGE"), lambda text: console.print(text, soft_wrap=True)
    )
    console.print(f"base image {base.reference} ({base.origin})", soft_wrap=True)
    for note in _notes(images, settings):
        console.print(note, soft_wrap=True)
    shared = Shared(settings, base, engine, _source(), artifacts)
    builds = asyncio.run(_build_all(images, shared, console))
    failed = [one for one in builds if one.built is None]
    for one in failed:
        _show_failure(one, artifacts, settings, console)
    if not failed:
        return Exit.OK
    return Exit.UNAVAILABLE if all(NO_SPACE in _failure_text(one) for one in failed) else Exit.FAILED


def _notes(images: list[Image], settings: Settings) -> list[str]:
    if settings.torch_wheel and any(image.torch == "cpu" for image in images):
        return [f"CPU torch from the host's find-links directory: {settings.torch_wheel}"]
    return []


async def _build_all(images: list[Image], shared: Shared, console: Console) -> list[Build]:
    main = asyncio.current_task()
    if main is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    with Progress((image.role for image in images), console) as progress:
        return await asyncio.gather(*(_build(image, shared, progress) for image in images))


async def _build(image: Image, shared: Shared, progress: Progress) -> Build:
    """Build one image and write its record; a failure is part of what is returned."""
    state = Build(image)
    try:
        with _log(shared.artifacts, image.role) as log:
            await _run(state, _request(image, shared), log, shared.settings, progress)
    except TimeoutError as error:
        state.failure = str(error)
    if state.built is None:
        progress.show(image.role, "failed", shared.settings.redact(state.failure), ended=True)
        return state
    record = _record(state, shared)
    shared.artifacts.write(image.role, BUILD, record)
    detail = f"{record.unpacked_bytes / 1e6:,.1f} MB unpacked, {record.added_bytes / 1e6:,.1f} MB added, "
    detail += f"{record.steps_cached} steps cached, {record.steps_run} run"
    progress.show(image.role, "built", detail, ended=True)
    return state


def _log(artifacts: Artifacts, role: str) -> IO[str]:
    """Open the build's log, to be written as it happens."""
    path = artifacts.path(role, LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8")


def _request(image: Image, shared: Shared) -> dict[str, Any]:
    settings, base = shared.settings, shared.base
    return {
        "engine": TypeAdapter(Engine).dump_json(shared.engine).decode(),
        "base_layers": len(base.layers),
        "deadline": DEADLINE,
        "options": {
            "context_path": str(ROOT),
            "file": str(ROOT / image.dockerfile),
            "tags": [image.name],
            "build_args": {**settings.build_args, "PYTHON_IMAGE": base.reference, "REVISION": shared.source.revision},
            "build_contexts": settings.contexts,
            "secrets": settings.secrets,
            **cache_options(image.role, os.environ),
        },
    }


def cache_options(role: str, environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return where layers are cached beyond the engine: KTRDR_CACHE_FROM and KTRDR_CACHE_TO, as buildx writes them.

    For example ``type=registry,ref=registry.example/ktrdr/{role}:cache``; ``{role}`` becomes the role.

    Raises:
        Problem: a value is no list of ``key=value`` (exit 2).

    """
    options = {}
    for option, name in (("cache_from", "KTRDR_CACHE_FROM"), ("cache_to", "KTRDR_CACHE_TO")):
        if text := environ.get(name):
            pairs = [pair.partition("=") for pair in text.replace("{role}", role).split(",")]
            if not all(key and equals for key, equals, _ in pairs):
                mend = "write key=value pairs with commas between them, type=… first"
                raise Problem("reading the cache's address", f"{name} is no list of key=value pairs", mend, Exit.USAGE)
            options[option] = {key: value for key, _, value in pairs}
    return options


async def _run(state: Build, request: dict[str, Any], log: IO[str], settings: Settings, progress: Progress) -> None:
    """Run one build to its end; ends its process group on a deadline and when cancelled.

    Raises:
        TimeoutError: the build took too long or fell silent; the message says what was waited for.

    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.build_one",
        cwd=ROOT, env={**os.environ, **settings.environment}, start_new_session=True, limit=1 << 26,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdin is not None  # noqa: S101 - asked for above
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
        await _follow(state, process, log, settings, progress)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    finally:
        await _end(process)
    if state.built is None and not state.failure:
        state.failure = f"the build's process ended with {process.returncode}"


async def _follow(
    state: Build, process: asyncio.subprocess.Process, log: IO[str], settings: Settings, progress: Progress
) -> None:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    role = state.image.role
    progress.show(role, "building")
    while True:
        left = DEADLINE - (time.monotonic() - state.started)
        try:
            line = await asyncio.wait_for(process.stdout.readline(), min(STALL, max(left, 0.0)))
        except TimeoutError:
            waited = f"waited {DEADLINE:.0f} s in all" if left <= STALL else f"nothing heard for {STALL:.0f} s"
            raise TimeoutError(f"{waited} for: {state.log.current or 'the builder'}") from None
        if not line:
            return
        _take(state, line.decode("utf-8", "replace"), log, settings, progress)


def _take(state: Build, line: str, log: IO[str], settings: Settings, progress: Progress) -> None:
    """Take one message of the build's process (build_one)."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        message = {"line": line}  # a traceback of the process itself: it belongs into the log
    for text in state.log.feed(message["line"]) if "line" in message else []:
        log.write(settings.redact(text) + "\n")
    log.flush()
    state.built = message.get("built", state.built)
    state.failure = message.get("failed", state.failure)
    phase = message.get("phase")
    if phase or state.log.current:
        progress.show(state.image.role, phase or "building", "" if phase else settings.redact(state.log.current))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the build's process group, asking first; whatever of it is left when its leader has gone is killed."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _record(state: Build, shared: Shared) -> BuildRecord:
    settings, base, engine = shared.settings, shared.base, shared.engine
    seconds = time.monotonic() - state.started
    began = datetime.fromtimestamp(time.time() - seconds, UTC)
    torch_source = {"absent": "none", "cuda": "the lock's index"}.get(state.image.torch)
    return BuildRecord(
        role=state.image.role,
        tag=state.image.name,
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
        source=shared.source,
        base=Base(reference=base.reference, origin=base.origin, layers=list(base.layers)),
        torch_source=torch_source or settings.torch_wheel or "pytorch-cpu index",
        tools={
            "docker engine": engine.version,
            "buildx": engine.buildx,
            **{name: version(name) for name in ("python-on-whales", "docker", "uv")},
        },
        **(state.built or {}),
    )


def _source() -> Source:
    def git(*words: str) -> str:
        try:
            return subprocess.run(
                ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return "unknown"

    revision = git("rev-parse", "HEAD")
    dirty = git("status", "--porcelain") != ""  # unknown counts as dirty: nothing vouches for the source
    return Source(revision=revision, dirty=dirty, lock_sha256=lock_sha256())


def _failure_text(one: Build) -> str:
    step = one.log.failed
    return "\n".join([one.failure, *one.log.other, *([step.error, *step.tail] if step else [])])


def _show_failure(one: Build, artifacts: Artifacts, settings: Settings, console: Console) -> None:
    step = one.log.failed
    name = step.title if step else "no step: the build client itself failed"
    lines = (step.tail if step and step.tail else one.log.other)[-SHOWN_LINES:]
    text = [f"\n{one.image.role}: build failed: {one.failure}", f"  step  {name}"]
    text += [f"  error {step.error}"] if step else []
    text += [f"  | {line}" for line in lines]
    text += (
        ["  next: free some space (./noxw -s clean -- --all, docker system df)"]
        if NO_SPACE in _failure_text(one)
        else []
    )
    text += [f"  whole log: {artifacts.path(one.image.role, LOG)}"]
    console.print(settings.redact("\n".join(text)), markup=False, highlight=False, soft_wrap=True)
