"""``verify --published REF``: who verified a published image, when, by which contract, and what came of it."""

from dataclasses import dataclass, replace

from rich.console import Console
from rich.text import Text

from deploy.artifacts import BUILD, Artifacts, UnreadableArtifact
from deploy.build_record import BuildRecord
from deploy.contract import Contract
from deploy.engine.connection import Engine
from deploy.errors import Exit
from deploy.progress import STYLES
from deploy.project import Project
from deploy.publish.examined import Examined, Expected, Published, examine
from deploy.publish.published import read
from deploy.publish.registry import Repository
from deploy.publish.send import pull
from deploy.publish.statements import Attested
from verify.commands.verify import verify
from verify.judge.verdict import Finding, Outcome, outcome_of
from verify.report.console import show_findings
from verify.report.model import Row
from verify.report.text import one_line

PLACE = "published"  # a directory of artifacts, with what is found when a published image is verified anew
CODES = {"PASS": Exit.OK, "FAIL": Exit.FAILED}
MOST_SHOWN = 200  # characters of one line


@dataclass(frozen=True)
class Asked:
    """What a person wants to know of which image."""

    repository: Repository
    expected: Expected
    again: bool = False  # and everything that is checked of a built image


def published(asked: Asked, project: Project, engine: Engine, console: Console) -> Exit:
    """Judge a published image by what lies beside it, pull it by its digest, and print what came of it.

    Raises:
        Problem: there is no such image (exit 1 or 3), registry or engine refuses (exit 3).

    """
    found = read(asked.repository)
    examined = examine(found, asked.expected)
    findings = [*examined.findings, _role(examined, project.contract), _pulled(asked, examined, engine, console)]
    outcome = outcome_of(findings)
    _show(examined, findings, outcome, console)
    if not asked.again or outcome != "PASS" or examined.attested is None:
        return CODES.get(outcome, Exit.UNAVAILABLE)
    return _again(examined.published, examined.attested, project, engine, console)


def _role(examined: Examined, contract: Contract) -> Finding:
    role = examined.attested.subject.role if examined.attested else None
    if role is None:
        return Finding(check="role", outcome="SKIP", expected="not applicable", found="nothing says which role it has")
    outcome: Outcome = "PASS" if role in contract.roles else "FAIL"
    due, action = f"a role of the contract: {', '.join(contract.roles)}", "Use the checkout that published it"
    return _finding("role", outcome, due, role, action)


def _pulled(asked: Asked, examined: Examined, engine: Engine, console: Console) -> Finding:
    """Pull the image by its digest; only one whose attestations hold comes to this engine."""
    if examined.outcome != "PASS":
        return Finding(check="pulled", outcome="SKIP", expected="not applicable", found="not pulled: see above")
    reference, found = asked.repository.reference, examined.published
    config = pull(engine, reference, found.digest, lambda text: console.print(text, soft_wrap=True))
    outcome: Outcome = "PASS" if config.identity == found.identity else "FAIL"
    due = f"the image {found.identity}"
    return _finding("pulled", outcome, due, config.identity, "See that engine and registry are whole, then again")


def _finding(check: str, outcome: Outcome, expected: str, found: str, action: str) -> Finding:
    if outcome == "PASS":
        return Finding(check=check, outcome=outcome, expected=expected, found=found)
    return Finding(
        check=check, outcome=outcome, expected=expected, found=found, category="CONFIGURATION", action=action
    )


def _show(examined: Examined, findings: list[Finding], outcome: Outcome, console: Console) -> None:
    name = f"{examined.published.name}@{examined.published.digest}"
    lines = {"image": name, "identity": examined.published.identity}
    if attested := examined.attested:
        lines |= {
            "role": attested.subject.role,
            "verified": f"{attested.verified.isoformat()} by {attested.verifier}",
            "contract": attested.basis.contract,
            "signed by": examined.signers or "nobody",
        }
    for label, text in lines.items():
        console.print(f"{label:<10} {one_line(text, MOST_SHOWN)}", soft_wrap=True)
    for finding in findings:
        if finding.outcome == "PASS":
            line = Text.assemble(
                ("PASS", STYLES["PASS"]), f"  {finding.check:<10}  {one_line(finding.found, MOST_SHOWN)}"
            )
            console.print(line, soft_wrap=True)
    role = examined.attested.subject.role if examined.attested else PLACE
    show_findings(Row(role=role, image=name, outcome=outcome, findings=findings), console)
    beside = [finding.check for finding in findings if finding.outcome == "UNVERIFIED"]
    words = {"PASS": "it is what was verified", "FAIL": "do not run it"}.get(outcome, "not everything could be seen")
    words += f"; UNVERIFIED: {', '.join(beside)}" if beside else ""
    console.print(Text.assemble((f"\n{outcome}", STYLES[outcome]), f": {words}"), soft_wrap=True)


def _again(found: Published, attested: Attested, project: Project, engine: Engine, console: Console) -> Exit:
    """Verify the pulled image as a built one, with the build record that its attestation names."""
    name, role, contract = f"{found.name}@{found.digest}", attested.subject.role, project.contract
    artifacts = Artifacts(project.artifacts.root / PLACE)
    artifacts.begin(role, BUILD)
    artifacts.write(role, BUILD, _record(found, attested).model_copy(update={"tag": name}))
    image = contract.images[role].model_copy(update={"name": name})
    there = contract.model_copy(update={"images": {**contract.images, role: image}})
    return verify(replace(project, contract=there, artifacts=artifacts), [role], engine, console)


def _record(found: Published, attested: Attested) -> BuildRecord:
    """Return the attested build record: whoever may write to the registry may have put others beside the image."""
    digest, role = attested.basis.record, attested.subject.role
    try:
        record = BuildRecord.model_validate_json(found.files.get(digest, b""))
    except ValueError:
        wrong = "cannot be read"
    else:
        if (record.role, record.identity) == (role, found.identity):
            return record
        wrong = f"is of {record.role}, identity {record.identity}"
    raise UnreadableArtifact(
        f"the build record {digest} that is attested of {role} at {found.name}@{found.digest} {wrong}; publish it anew"
    )
