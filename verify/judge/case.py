"""One image's evidence, as the judge reads it, and the ruling where some of it was not seen."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deploy.build_record import Base, BuildRecord
from deploy.contract import Contract, Image
from deploy.faults import Faults
from deploy.left_out import LeftOut
from verify.contents.model import Contents
from verify.judge import checks
from verify.judge.difference import Difference, ImageBaseline, difference
from verify.judge.verdict import Category, Finding, Outcome
from verify.observe.model import Observation, ProbeResult, ProbeRun, ServerRun, Subject
from verify.observe.probe_reports import (
    ApplicationReport,
    CommandsReport,
    EnvironmentReport,
    GpuReport,
    HealthcheckReport,
    TorchReport,
)

R = TypeVar("R", bound=BaseModel)
KILLED = 137  # 128 + SIGKILL: the exit code of a container whose first process was killed
FROM_OUTSIDE = (KILLED, 143)  # 128 + SIGTERM
WHO_KILLED = (
    "Find who ended the container: the log of the engine and of the kernel; then verify again: `./noxw -s verify`"
)
FAILURE_SHOWN = 600  # characters of an exception that no ruling expected


class NotSeen(Exception):
    """The evidence for a check is missing: an ERROR. ``because`` names the check that says why."""

    def __init__(self, reason: str, because: str) -> None:
        super().__init__(reason)
        self.reason, self.because = reason, because


class Inapplicable(NotSeen):
    """The evidence for a check is not due of this image: a SKIP with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "")


@dataclass(frozen=True)
class Ruling:
    """The result of one check; category and action replace the check's own where they differ."""

    outcome: Outcome
    expected: str
    found: str
    evidence: dict[str, Any] = field(default_factory=dict)
    category: Category | None = None
    action: str | None = None


def rule(holds: bool, expected: str, found: str, **evidence: Any) -> Ruling:  # noqa: FBT001 - the question itself
    """PASS where the contract holds, FAIL where it is broken."""
    return Ruling("PASS" if holds else "FAIL", expected, found, evidence)


def skip(reason: str) -> Ruling:
    """SKIP: the contract says that the check does not apply here."""
    return Ruling("SKIP", "not applicable", reason)


class Evidence(Faults):
    """What the sources of one ruling prove: one that is missing silences no other."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[NotSeen] = []
        self.inapplicable: list[Inapplicable] = []
        self.read = 0  # sources that said something

    @contextmanager
    def source(self) -> Iterator[None]:
        """Read one source, which may be missing."""
        try:
            yield
            self.read += 1
        except Inapplicable as reason:
            self.inapplicable.append(reason)
        except NotSeen as missing:
            self.missing.append(missing)

    def rule(self, expected: str, good: str, **evidence: Any) -> Ruling:
        """FAIL by what is proven; without that an ERROR where a source is missing, and PASS where none is.

        A source that is not due is named beside what the others said; where none said anything, nothing applies.
        """
        if not self and self.missing:
            raise self.missing[0]
        if not self and self.inapplicable and not self.read:
            raise self.inapplicable[0]
        good += "".join(f"; not looked at: {reason}" for reason in dict.fromkeys(map(str, self.inapplicable)))
        return rule(not self, expected, "; ".join(self) or good, **evidence)


def finding_of(check: checks.Check, ruling: Callable[[], Ruling], **names: str) -> Finding:
    """Apply one check; evidence that is missing makes it an ERROR that names the check which says why.

    Any other exception is an ERROR with its type, too: never a traceback, and never a PASS.

    ``names``: values for the names in braces in the check's action.
    """
    try:
        ruled = ruling()
    except Inapplicable as missing:
        ruled = skip(missing.reason)
    except NotSeen as missing:
        evidence = {"because": missing.because} if missing.because not in ("", check.name) else {}
        ruled = Ruling("ERROR", check.purpose, f"not seen: {missing.reason}", evidence, category="ENVIRONMENT")
    except Exception as error:  # noqa: BLE001 - one ruling that fails on an image stops no other
        failure = f"the check itself failed: {type(error).__name__}: {error}"
        ruled = Ruling("ERROR", check.purpose, failure[:FAILURE_SHOWN], category="ENVIRONMENT")
    good = ruled.outcome in ("PASS", "SKIP")
    return Finding(
        check=check.name,
        outcome=ruled.outcome,
        expected=ruled.expected,
        found=ruled.found,
        category=None if good else ruled.category or check.category,
        action="" if good else (ruled.action or check.action).format(**names),
        evidence={name: value for name, value in ruled.evidence.items() if value not in (None, "", [], {})},
    )


def _reported(name: str, model: type[R], run: str = "probes") -> "cached_property[R]":
    """Return the property of a case that is what a probe reported."""
    return cached_property(lambda case: case._report(name, model, getattr(case.observation, run)))  # noqa: SLF001 - its own


@dataclass(frozen=True)
class Case:
    """One image's evidence. What is missing raises NotSeen when it is asked for."""

    contract: Contract
    image: Image
    observation: Observation
    maybe_contents: Contents | None
    maybe_record: BuildRecord | None
    record_error: str
    locked: dict[str, str]
    left_out: list[LeftOut] = field(default_factory=list)
    baseline: ImageBaseline | None = None
    requirers: Mapping[str, list[str]] = field(default_factory=dict)  # distribution -> who requires it, by the lock
    inputs: str | None = None  # digest of what the checkout would be built from; None where nothing was built from it
    sources: Mapping[str, str] = field(default_factory=dict)  # path below the application's package -> SHA-256

    @property
    def subject(self) -> Subject:
        """The image that the tag pointed to."""
        if self.observation.subject is None:
            raise NotSeen(self.observation.error, "image-present")
        return self.observation.subject

    @property
    def record(self) -> BuildRecord:
        """The build's record; Inapplicable where the image was not built here."""
        if not self.image.built_here:
            raise Inapplicable(f'not built here: its source is "{self.image.source}"')
        if self.maybe_record is None:
            raise NotSeen(self.record_error or "no build record", "built-here")
        return self.maybe_record

    @property
    def base(self) -> Base:
        """The base image: the build's, or the one that is named of an image that was not built here."""
        if self.image.built_here:
            return self.record.base
        if self.observation.base is None:
            raise Inapplicable(f"the base image is not known: {self.subject and self.observation.base_error}")
        return self.observation.base

    @property
    def contents(self) -> Contents:
        """What the layers hold."""
        if self.maybe_contents is None:
            because = "contents" if self.observation.subject else "image-present"
            raise NotSeen(self.observation.contents_error or self.observation.error, because)
        return self.maybe_contents

    @property
    def base_layers(self) -> int:
        """How many of the subject's layers are the base image's.

        The build says which; a subject that does not start with them is not what was built.
        """
        base = self.base.layers
        if self.subject.layers[: len(base)] != base:
            raise NotSeen("the image does not start with the base image's layers", "same-image")
        return len(base)

    @property
    def difference(self) -> Difference | None:
        """The changes since the baseline; None where the baseline does not know the image."""
        if self.baseline is None:
            return None
        modules = None
        with suppress(NotSeen):
            modules = self.application.new_modules or None  # none were counted where it could not be imported
        return difference(self.baseline, self.contents, self.base_layers, modules)

    def need_engine(self) -> None:
        """Raise NotSeen where the engine does not even run the base image: no image is to blame then."""
        control = self.observation.control
        if control and control.error:
            raise NotSeen(control.error, "control")

    @property
    def server(self) -> ServerRun:
        """The container that ran the image's own command."""
        self.need_engine()
        if self.observation.server is None:
            raise NotSeen(self.observation.error or "no server was started", "image-present")
        if self.observation.server.error:
            raise NotSeen(self.observation.server.error, "server-healthy")
        proof = self.observation.server.proof
        if proof is None or proof.image_id != self.subject.image_id or not proof.started:
            raise NotSeen("the engine gave no proof that the server ran in this image", "proof")
        return self.observation.server

    @property
    def probes(self) -> ProbeRun:
        """The container that ran the probes."""
        self.need_engine()
        if self.observation.probes is None:
            raise NotSeen(self.observation.error or "no probe ran", "image-present")
        return self.observation.probes

    environment = _reported("environment", EnvironmentReport)
    commands = _reported("commands", CommandsReport)
    pytorch = _reported("pytorch", TorchReport)
    application = _reported("application", ApplicationReport)
    healthcheck = _reported("healthcheck", HealthcheckReport)
    gpu = _reported("gpu", GpuReport, "gpu")

    @property
    def repeats(self) -> list[ApplicationReport]:
        """What the probe reported of the application in further processes."""
        return [self._report("application", ApplicationReport, run) for run in self.observation.repeats]

    def result(self, name: str, run: ProbeRun | None = None) -> ProbeResult:
        """Return the result of a probe or command; its container's proof has to be good first."""
        run = run or self.probes
        self.need_engine()
        if fault := proof_fault(run, self.subject, whole=not run.results):
            raise NotSeen(fault, "proof")
        result = (run.results or {}).get(name)
        if result is None:
            raise NotSeen(f"no result of the probe {name}", "proof")
        return result

    def _report(self, name: str, model: type[R], run: ProbeRun | None = None) -> R:
        result = self.result(name, run)
        if result.outcome != "ended" or result.report is None:
            how = "ran out of time" if result.outcome == "timed out" else f"ended with {result.exit_code}"
            printed = result.printed.strip()[-600:]
            raise NotSeen(f"the {name} probe {how} without a report. {result.error} {printed}".strip(), "")
        try:
            return model.model_validate(_printable(result.report))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise NotSeen(f"the {name} probe's report is malformed: {where}: {first['msg']}", "") from None


def _printable(value: Any) -> Any:
    """Return a report's values in a form that UTF-8 can write, so that the verdict can always be written."""
    if isinstance(value, dict):
        return {_printable(key): _printable(content) for key, content in value.items()}
    if isinstance(value, list):
        return [_printable(content) for content in value]
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def want_of_memory(exit_code: int, *, out_of_memory: bool) -> str:
    """Return what an engine's OOMKilled means, in words; "" where it does not say so.

    Engines say it of the container when any process in it was killed: a child's or an exec's end leaves the container
    running (exit code 0 until it ends), or to an end of its own.
    """
    if not out_of_memory:
        return ""
    if exit_code == KILLED:
        return "it was ended by its memory limit (OOMKilled)"
    return "something in it was killed for want of memory (OOMKilled)"


def killed_from_outside(run: ServerRun) -> str:
    """Return that a server was killed and that its engine's stop did not do it, in words; "" where nobody did.

    An engine's want of memory is the server's own.
    """
    proof = run.proof
    if proof is None or proof.exit_code not in FROM_OUTSIDE or proof.out_of_memory or (run.running and run.stop):
        return ""
    return f"it was killed from outside ({proof.exit_code}), by nobody of this run"


def proof_fault(run: ProbeRun, subject: Subject, *, whole: bool = True) -> str:
    """Return what is wrong with the engine's proof of this run; "" where nothing is.

    ``whole``: whether it matters that a process was killed which the container outlived.
    """
    proof = run.proof
    if proof and whole and (why := want_of_memory(proof.exit_code, out_of_memory=proof.out_of_memory)):
        return f"the container: {why}"
    if run.error:
        return run.error
    if proof is None:
        return "the engine gave no proof"
    if proof.image_id != subject.image_id:
        return f"the container ran {proof.image_id}, not the subject {subject.image_id}"
    if not proof.started or not proof.finished:
        return "the engine has no start or no finish of the container"
    if proof.exit_code != 0:
        return f"the container ended with {proof.exit_code}"
    return ""


RulingFunction = Callable[[Case], Ruling]
