"""``e2e``: the verified images at work together, from their verdicts to one more, which joins the summary."""

import contextlib
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from docker.errors import ImageNotFound
from rich.console import Console
from rich.text import Text

from deploy.artifacts import E2E, E2E_ROLES, OBSERVED, VERDICT, Artifacts, UnreadableArtifact, write_text
from deploy.contract import Contract
from deploy.engine import connection as engines
from deploy.engine.connection import ENGINE_ERRORS, Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.progress import STYLES, Progress
from verify.e2e.judge import judge
from verify.e2e.observation import SystemObservation
from verify.e2e.run import run_scenarios
from verify.e2e.scenarios import SCENARIOS
from verify.judge.end_to_end import EndToEnd, Used
from verify.judge.reading import read_verdict
from verify.judge.verdict import Verdict
from verify.observe.refusal import reason
from verify.report.collect import collect
from verify.report.console import show_findings
from verify.report.model import Summary
from verify.report.summary import summarize
from verify.report.text import one_line
from verify.report.write import write

MOST_FOUND = 120  # characters of what a check found, on its line


class Unfit(Exception):
    """An image that may not take part: the message says why."""


def end_to_end(contract: Contract, engine: Engine, artifacts: Artifacts, console: Console) -> Exit:
    """Run every scenario with the verified images, judge, write, print; returns the exit code.

    Raises:
        Problem: the artifacts cannot be written.

    """
    _begin(artifacts)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    observed = _observe(contract, engine, artifacts, console)
    workers = [image for image in contract.images.values() if not contract.serves_api(image)]
    verdict = judge(observed, tuple(image.name for image in workers), began)
    _write(artifacts, observed, verdict)
    if summary := _summary(artifacts, contract.roles, verdict):
        write(summary, artifacts.root, os.environ)
    _show(verdict, console)
    return {"PASS": Exit.OK, "FAIL": Exit.FAILED}.get(verdict.outcome, Exit.UNAVAILABLE)


def verified(engine: Engine, artifacts: Artifacts) -> dict[str, Used]:
    """Return the images that take part, by role: verified with PASS, with tags that still point to them.

    Raises:
        Unfit: one is not.

    """
    with contextlib.closing(engines.sdk(engine)) as client:
        return {role: fit(role, _read(artifacts, role), client.api.inspect_image) for role in E2E_ROLES}


def fit(role: str, verdict: Verdict | None, inspect: Callable[[str], dict[str, Any]]) -> Used:
    """Return a verdict's image; Unfit without a verdict, without a PASS, or with another image under the tag."""
    if verdict is None:
        raise Unfit(f"{role} has no verdict in this state")
    if verdict.outcome != "PASS":
        raise Unfit(f"{role} was verified with {verdict.outcome}")
    try:
        config = ImageConfig.from_inspect(inspect(verdict.tag))
    except ImageNotFound:
        raise Unfit(f"{role}: no image {verdict.tag} on the engine") from None
    if config.identity != verdict.identity:
        raise Unfit(f"{role}: {verdict.tag} is {config.identity}, verified was {verdict.identity}")
    return Used(tag=verdict.tag, image_id=config.image_id, identity=config.identity)


def _observe(contract: Contract, engine: Engine, artifacts: Artifacts, console: Console) -> SystemObservation:
    try:
        images = verified(engine, artifacts)
        with Progress(SCENARIOS, console) as progress:

            def show(scenario: str, detail: str) -> None:
                progress.show(scenario, "running" if detail else "done", detail, ended=not detail)

            return run_scenarios(engine, contract, images, show)
    except Unfit as unfit:
        return SystemObservation(refused=str(unfit))
    except ENGINE_ERRORS as error:
        return SystemObservation(refused=reason(error))


def _summary(artifacts: Artifacts, roles: list[str], e2e: EndToEnd) -> Summary | None:
    """Summarize the end-to-end verdict with the verdicts in the artifacts' root; None where there is none.

    A verdict that cannot be believed is an ERROR, and the others count all the same. A role without a verdict was not
    asked for.
    """
    asked = [role for role in roles if artifacts.path(role, VERDICT).exists()]
    verdicts: list[Verdict] = []
    faults: dict[str, str] = {}
    for role in asked:
        try:
            verdicts += collect([artifacts.root], [role])
        except Problem as problem:
            faults[role] = problem.wrong
    others = [role for role in roles if role not in asked]
    return summarize(verdicts, asked, e2e, others=others, faults=faults) if asked else None


def _begin(artifacts: Artifacts) -> None:
    """Remove the results of an earlier run, so that nothing old is taken for new."""
    with artifacts.writing():
        artifacts.forget_reports()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(artifacts.root / E2E)


def _read(artifacts: Artifacts, role: str) -> Verdict | None:
    """Return a role's verdict; None where there is none that can be believed."""
    try:
        return read_verdict(artifacts.path(role, VERDICT))
    except (FileNotFoundError, UnreadableArtifact):
        return None


def _write(artifacts: Artifacts, observed: SystemObservation, verdict: EndToEnd) -> None:
    artifacts.write(E2E, OBSERVED, observed)
    for name, seen in observed.containers.items():
        with artifacts.writing():
            write_text(artifacts.path(E2E, f"logs/{name}.log"), seen.log)
    artifacts.write(E2E, VERDICT, verdict)


def _show(verdict: EndToEnd, console: Console) -> None:
    for finding in verdict.findings:
        if finding.outcome == "PASS":
            line = f"  {finding.check:<28}  {one_line(finding.found, MOST_FOUND)}"
            console.print(Text.assemble(("PASS", STYLES["PASS"]), line), soft_wrap=not console.is_terminal)
    show_findings(verdict, console)
    outcome = Text(f"\nend to end: {verdict.outcome}", STYLES[verdict.outcome])
    console.print(outcome.append(f", {len(verdict.findings)} checks in {verdict.seconds:.1f} s", "default not bold"))
