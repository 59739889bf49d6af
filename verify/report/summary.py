"""Verdicts → one summary. Pure: nothing here touches a file or a clock."""

from collections.abc import Mapping, Sequence
from typing import Literal

from deploy.errors import Exit
from verify.judge.end_to_end import EndToEnd
from verify.judge.family import family
from verify.judge.verdict import Finding, Verdict, outcome_of
from verify.report.model import Part, Row, Summary

NO_VERDICT = "no verdict: not built or not verified in this state"


def summarize(
    verdicts: list[Verdict],
    roles: list[str],
    e2e: EndToEnd | None = None,
    *,
    others: Sequence[str] = (),
    faults: Mapping[str, str] | None = None,
) -> Summary:
    """Put the verdicts of these roles together, in the roles' order; a role without a verdict is an ERROR.

    ``others``: roles of the contract that were not asked for; the summary names them.
    ``faults``: why an existing verdict cannot be believed, by role.
    The images are compared with each other.
    The end-to-end verdict counts like an image's; if it is on other images than the verdicts, it is an ERROR.
    """
    by_role = {verdict.role: verdict for verdict in verdicts}
    rows = [_row(by_role[role]) if role in by_role else _missing(role, (faults or {}).get(role)) for role in roles]
    e2e = _of_these(e2e, rows) if e2e else None
    beside = family([by_role[role] for role in roles if role in by_role])
    parts: list[Part] = [*rows, *(part for part in (beside, e2e) if part)]
    failed = [part.role for part in parts if part.outcome == "FAIL"]
    unseen = [part.role for part in parts if part.outcome == "ERROR"]
    outcome: Literal["PASS", "FAIL", "ERROR"] = "FAIL" if failed else "ERROR" if unseen or not rows else "PASS"
    code, meaning = {
        "PASS": (Exit.OK, "every image is what its role demands"),
        "FAIL": (Exit.FAILED, f"not what the role demands: {', '.join(failed)}"),
        "ERROR": (Exit.UNAVAILABLE, f"no image FAILs, but not everything could be seen of: {', '.join(unseen)}"),
    }[outcome]
    if others and outcome == "PASS":
        meaning += f", of those asked about: {', '.join(roles)}"
    if not rows:
        meaning = "no image was verified"
    if failed and unseen:
        meaning += f"; not everything could be seen of: {', '.join(unseen)}"
    if unverified := [row.role for row in rows if row.unverified]:
        meaning += f"; in part UNVERIFIED on this host: {', '.join(unverified)}"
    if others:
        meaning += f"; `./noxw -s summarize` covers all, also: {', '.join(others)}"
    spent = [row.figures.probe_seconds for row in rows if row.figures.probe_seconds is not None]
    return Summary(
        outcome=outcome,
        exit_code=code,
        meaning=meaning,
        probe_seconds=round(sum(spent), 3) if spent else None,
        rows=rows,
        family=beside,
        e2e=e2e,
    )


def _of_these(e2e: EndToEnd, rows: list[Row]) -> EndToEnd:
    """Return the end-to-end verdict; as an ERROR where it ran on other images than these rows'."""
    verified = {row.role: row.identity for row in rows if row.identity}
    other = [role for role, used in e2e.images.items() if verified.get(role, used.identity) != used.identity]
    if not other:
        return e2e
    finding = Finding(
        check="verified-images",
        outcome="ERROR",
        expected="the images that the verdicts are about",
        found=f"it ran on another image of: {', '.join(other)}",
        category="ENVIRONMENT",
        action="./noxw -s e2e, on the images that were verified",
        evidence={role: {"verified": verified[role], "used": e2e.images[role].identity} for role in other},
    )
    return e2e.model_copy(update={"outcome": "ERROR", "findings": [finding]})


def _row(verdict: Verdict) -> Row:
    figures = verdict.figures
    columns: dict[str | None, Literal["YES", "NO", "?"]] = {"imported": "YES", "absent": "NO"}
    torch = columns.get(figures.torch, "?")
    unknown = "broken torch" if figures.torch == "broken" else "not seen"
    builds = {"YES": "CUDA torch" if figures.cuda_build else "CPU torch", "NO": "no torch", "?": unknown}
    expected = "no torch" if not verdict.torch_expected else "CUDA torch" if verdict.cuda_expected else "CPU torch"
    return Row(
        role=verdict.role,
        image=verdict.tag,
        torch=torch,
        cuda={"YES": figures.cuda_build or "NO", "NO": "N/A", "?": "?"}[torch],
        expected=expected,
        actual=builds[torch],
        outcome=outcome_of(verdict.findings, gpu=verdict.gpu),
        unverified=sum(finding.outcome == "UNVERIFIED" for finding in verdict.findings),
        gpu=verdict.gpu,
        image_id=verdict.image_id,
        identity=verdict.identity,
        container_ids=verdict.container_ids,
        started=verdict.started,
        seconds=verdict.seconds,
        figures=figures,
        difference=verdict.difference,
        findings=verdict.findings,
    )


def _missing(role: str, fault: str | None = None) -> Row:
    finding = Finding(
        check="verdict",
        outcome="ERROR",
        expected="a verdict on this role",
        found=fault or NO_VERDICT,
        category="ENVIRONMENT",
        action=f"run ./noxw -s build verify -- {role} and read its findings",
    )
    return Row(role=role, image=role, outcome="ERROR", findings=[finding])
