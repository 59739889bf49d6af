"""Contract x observation → verdict. Pure: nothing here touches an engine, a file or a clock."""

import functools
from collections.abc import Mapping
from contextlib import suppress

from verify.judge import checks
from verify.judge.case import Case, NotSeen, RulingFunction, finding_of
from verify.judge.family import common
from verify.judge.rulings import (
    application,
    configuration,
    contents,
    files,
    gpu,
    growth,
    own,
    platform,
    python,
    pytorch,
    server,
    serving,
    subject,
)
from verify.judge.verdict import Figures, Finding, Verdict, outcome_of
from verify.observe.probe_reports import GpuReport, TorchReport

RULINGS: dict[str, RulingFunction] = {
    **subject.RULINGS,
    **configuration.RULINGS,
    **platform.RULINGS,
    **contents.RULINGS,
    **files.RULINGS,
    **python.RULINGS,
    **growth.RULINGS,
    **pytorch.RULINGS,
    **application.RULINGS,
    **server.RULINGS,
    **serving.RULINGS,
    **gpu.RULINGS,
}


def judge(case: Case, started: str) -> Verdict:
    """Apply every check of the complete contract."""
    return _verdict(case, started, checks.CHECKS, gpu_contract=False)


def judge_gpu(case: Case, started: str) -> Verdict:
    """Apply the GPU contract: the device is really used."""
    return _verdict(case, started, checks.ON_THE_DEVICE, gpu_contract=True)


def _verdict(case: Case, started: str, applied: Mapping[str, checks.Check], *, gpu_contract: bool) -> Verdict:
    findings, difference = [finding(case, check) for check in applied.values()], None
    findings += [] if gpu_contract else _own_findings(case)
    with suppress(NotSeen):
        difference = case.difference
    observation, found = case.observation, case.observation.subject
    runs = (observation.probes, observation.server, observation.gpu)
    return Verdict(
        role=case.image.role,
        tag=case.image.name,
        torch_expected=case.image.torch_expected,
        cuda_expected=case.image.cuda_expected,
        image_id=found.image_id if found else None,
        identity=found.identity if found else None,
        outcome=outcome_of(findings, gpu=gpu_contract),
        figures=figures(case),
        difference=difference,
        findings=findings,
        common=None if gpu_contract else common(case),
        container_ids=[run.proof.container_id for run in runs if run and run.proof],
        contract=case.contract.digest,
        gpu=gpu_contract,
        started=started,
        seconds=observation.seconds,
    )


def _own_findings(case: Case) -> list[Finding]:
    return [_found(case, check, ruling) for check, ruling in own.rulings(case)]


def finding(case: Case, check: checks.Check) -> Finding:
    """Apply one check to an image."""
    return _found(case, check, RULINGS[check.name])


def _found(case: Case, check: checks.Check, ruling: RulingFunction) -> Finding:
    ruled = functools.partial(ruling, case)
    return finding_of(check, ruled, role=case.image.role, dockerfile=case.image.dockerfile or "its Dockerfile")


def _torch(report: TorchReport | GpuReport) -> str:
    if report.imported:
        return "imported"
    missing = (
        isinstance(report, TorchReport) and report.error_type == "ModuleNotFoundError" and report.missing == "torch"
    )
    return "absent" if missing else "broken"


def figures(case: Case) -> Figures:
    """Return the figures beside the outcomes, as far as they were seen."""
    known: dict[str, object] = {}
    if case.maybe_contents is not None:
        known["unpacked_bytes"] = case.maybe_contents.unpacked_bytes
        with suppress(NotSeen):
            known["added_bytes"] = case.maybe_contents.added_bytes(len(case.base.layers))
    with suppress(NotSeen):
        seen = case.gpu if case.observation.gpu else None
        torch = seen or case.pytorch
        known["torch"] = _torch(torch)
        known["torch_version"] = (torch.torch_version if isinstance(torch, GpuReport) else torch.version) or None
        known["cuda_build"] = torch.cuda_build
        names = torch.architectures if isinstance(torch, GpuReport) else torch.gpu_architectures.names
        known["gpu_architectures"] = names or None
    with suppress(NotSeen):
        known["new_modules"] = case.application.new_modules or None
        known["import_seconds"] = case.application.import_seconds
        known["import_peak_bytes"] = case.application.import_peak_bytes
    if case.observation.server is not None:
        known["seconds_to_healthy"] = case.observation.server.seconds_to_healthy
    if case.observation.probes is not None:
        known["probe_seconds"] = case.observation.probes.seconds
    return Figures.model_validate(known)
