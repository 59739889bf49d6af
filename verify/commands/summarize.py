"""Verdicts → one summary: merged from the artifacts of one run or of many jobs, written, printed, an exit code."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from deploy.artifacts import E2E, REPORTS, VERDICT, Artifacts, UnreadableArtifact, write_model, write_text
from deploy.errors import Exit, Problem
from verify.judge.end_to_end import EndToEnd
from verify.judge.reading import read_end_to_end, read_verdict
from verify.judge.verdict import Figures, Finding, Verdict, outcome_of
from verify.report.artifacts import Materials, read_materials
from verify.report.console import show
from verify.report.junit import junit
from verify.report.markdown import markdown
from verify.report.model import Row, Summary
from verify.report.page import page as html

JSON, MARKDOWN, JUNIT, PAGE = REPORTS
READING = "reading the verdicts"
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

    ``others``: roles of the contract that nobody asked about; that nothing is said of them is said.
    ``faults``: why a verdict that is there cannot be believed, by role.
    What came of the images at work together counts like an image; on other images than the verdicts' it is an ERROR.
    """
    by_role = {verdict.role: verdict for verdict in verdicts}
    rows = [_row(by_role[role]) if role in by_role else _missing(role, (faults or {}).get(role)) for role in roles]
    e2e = _of_these(e2e, rows) if e2e else None
    parts: list[Row | EndToEnd] = [*rows, *([e2e] if e2e else [])]
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
        meaning = "no image was looked at"
    if failed and unseen:
        meaning += f"; not everything could be seen of: {', '.join(unseen)}"
    if unverified := [row.role for row in rows if row.unverified]:
        meaning += f"; in part UNVERIFIED on this host: {', '.join(unverified)}"
    if others:
        meaning += f"; `./noxw -s summarize` tells of all, also of: {', '.join(others)}"
    spent = [row.figures.probe_seconds for row in rows if row.figures.probe_seconds is not None]
    return Summary(
        outcome=outcome,
        exit_code=code,
        meaning=meaning,
        probe_seconds=round(sum(spent), 3) if spent else None,
        rows=rows,
        e2e=e2e,
    )


def exit_code(summary: Summary) -> Exit:
    """Return what the command ends with: 0 all PASS, 1 an image FAILs, 3 no FAIL but an ERROR or a role missing."""
    return Exit(summary.exit_code)


def collect(directories: list[Path], roles: list[str]) -> list[Verdict]:
    """Read these roles' verdicts; a directory is an artifacts root (ROLE/verdict.json) or a folder of such roots.

    A verdict by the GPU contract alone is none on the image: its role is missing.

    Raises:
        Problem: a verdict is unreadable or a role has two different ones (exit 2), or there is none at all (exit 3).

    """
    found: dict[str, tuple[Path, Verdict]] = {}
    for path in [path for directory in directories for path in _verdict_files(directory, roles)]:
        verdict = _read(path)
        earlier, other = found.setdefault(verdict.role, (path, verdict))
        if other != verdict:
            raise Problem(
                READING,
                f"two different verdicts on {verdict.role}: {earlier} and {path}",
                "leave out the directory that is not of this run",
                Exit.USAGE,
            )
    if not found:
        raise Problem(
            READING,
            f"none of {', '.join(roles)} has a {VERDICT} in {', '.join(map(str, directories))}",
            "./noxw -s build verify writes them; or name the directories that hold them",
        )
    return [found[role][1] for role in roles if role in found and not found[role][1].gpu]


def collect_e2e(directories: list[Path]) -> EndToEnd | None:
    """Read what came of the images at work together, where one of these directories, or of their folders, has it.

    Raises:
        Problem: it is unreadable, or there are two different ones (exit 2).

    """
    roots = [root for directory in directories for root in (directory, *_folders(directory))]
    found = [(path, _read_e2e(path)) for root in roots if (path := root / E2E / VERDICT).exists()]
    for path, e2e in found[1:]:
        if e2e != found[0][1]:
            wrong = f"two different verdicts on {E2E}: {found[0][0]} and {path}"
            raise Problem(READING, wrong, "leave out the directory that is not of this run", Exit.USAGE)
    return found[0][1] if found else None


def collect_here(artifacts: Artifacts, roles: list[str], e2e: EndToEnd) -> Summary | None:
    """Put what came of the images at work together beside the verdicts in the artifacts' root; None without any.

    A verdict that cannot be believed is an ERROR, and the others are told all the same; a role without one is one that
    nobody asked about.
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


def write(summary: Summary, root: Path, environ: Mapping[str, str], materials: Materials | None = None) -> None:
    """Write the reports into the artifacts' root; append the Markdown to the CI job's page where there is one.

    Raises:
        Problem: a file cannot be written.

    """
    text = markdown(summary)
    page = environ.get("GITHUB_STEP_SUMMARY")
    try:
        write_model(root / JSON, summary)
        write_text(root / MARKDOWN, text)
        write_text(root / JUNIT, junit(summary))
        write_text(root / PAGE, html(summary, materials))
        if page:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
    except OSError as error:
        next_step = f"make room in {root} or make it writable, or name another directory with --artifacts"
        raise Problem("writing the summary", str(error), next_step) from None


def publish(summary: Summary, root: Path, console: Console, places: Mapping[str, Path] | None = None) -> Exit:
    """Print the table and the findings, write the reports, and return what the command ends with.

    ``places``: the directory of each role's artifacts; below the root where they are not given.

    Raises:
        Problem: a report cannot be written; what it would hold has been printed.

    """
    where = {row.role: root / row.role for row in summary.rows} | dict(places or {})
    show(summary, console)
    write(summary, root, os.environ, read_materials(where))
    console.print(f"{', '.join(REPORTS)} in {root}", markup=False, highlight=False, soft_wrap=True)
    return exit_code(summary)


def command(directories: list[Path], artifacts: Artifacts, roles: list[str], console: Console) -> Exit:
    """Summarize the artifacts in these directories, in the artifacts' own root where none is named.

    Raises:
        Problem: as collect and write do.

    """
    where = directories or [artifacts.root]
    places = {path.parent.name: path.parent for one in where for path in _verdict_files(one, roles)}
    return publish(summarize(collect(where, roles), roles, collect_e2e(where)), artifacts.root, console, places)


def _verdict_files(directory: Path, roles: list[str]) -> list[Path]:
    """Return the roles' verdicts in a root; where it holds none, those in the roots that it is a folder of."""
    roots = [directory] if any((directory / role / VERDICT).exists() for role in roles) else _folders(directory)
    return [path for root in roots for role in roles if (path := root / role / VERDICT).exists()]


def _folders(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []  # what it should have held is missed below
    except OSError as error:
        raise Problem(READING, str(error), "name a directory that can be read", Exit.USAGE) from None


def _read(path: Path) -> Verdict:
    try:
        return read_verdict(path)
    except (UnreadableArtifact, FileNotFoundError) as error:
        next_step = f"./noxw -s verify -- {path.parent.name} writes it again; or leave its directory out"
        raise Problem(READING, str(error), next_step, Exit.USAGE) from None


def _read_e2e(path: Path) -> EndToEnd:
    try:
        return read_end_to_end(path)
    except (UnreadableArtifact, FileNotFoundError) as error:
        raise Problem(
            READING, str(error), "./noxw -s e2e writes it again; or leave its directory out", Exit.USAGE
        ) from None


def _of_these(e2e: EndToEnd, rows: list[Row]) -> EndToEnd:
    """Return it as it is where it ran on the images that these rows are about, and an ERROR where it did not."""
    verified = {row.role: row.identity for row in rows if row.identity}
    other = [role for role, one in e2e.images.items() if verified.get(role, one.identity) != one.identity]
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
        action=f"./noxw -s build verify -- {role}, and look at what it says",
    )
    return Row(
        role=role,
        image=role,
        torch="?",
        cuda="?",
        expected="?",
        actual="not seen",
        outcome="ERROR",
        unverified=0,
        gpu=False,
        image_id=None,
        identity=None,
        container_ids=[],
        started="",
        seconds=0.0,
        figures=Figures(),
        findings=[finding],
    )
