"""``baseline``: keeps a good run's figures in ``deploy/docker/baseline.json``; later runs report the changes."""

from pathlib import Path

from rich.console import Console

from deploy.artifacts import BUILD, CONTENTS, VERDICT, Artifacts, UnreadableArtifact, read_model, write_model
from deploy.build_record import BuildRecord
from deploy.errors import Exit, Problem
from deploy.project import Project
from verify.contents.model import Contents
from verify.judge import difference
from verify.judge.difference import Baseline, ImageBaseline, LayerBytes
from verify.judge.reading import read_verdict
from verify.judge.rulings.growth import GROWTH
from verify.judge.verdict import Verdict

KEEPING = "keeping a baseline"


def read_baseline(path: Path) -> Baseline:
    """Read the committed baseline; an empty one where there is none.

    Raises:
        Problem: it cannot be read (exit 2).

    """
    try:
        return read_model(path, Baseline)
    except FileNotFoundError:
        return Baseline(images={})
    except UnreadableArtifact as error:
        next_step = "git checkout it, or remove it and keep another with ./noxw -s baseline"
        raise Problem("reading the baseline", str(error), next_step, Exit.USAGE) from None


def measured(verdict: Verdict, contents: Contents, record: BuildRecord) -> ImageBaseline:
    """Return one verified image's figures."""
    base = len(record.base.layers)
    above = [distribution for distribution in contents.distributions if distribution.layer >= base]
    return ImageBaseline(
        revision=record.source.revision,
        dirty=record.source.dirty,
        started=verdict.started,
        identity=contents.identity,
        base_bytes=contents.unpacked_bytes - contents.added_bytes(base),
        layers=[
            LayerBytes(unpacked_bytes=layer.unpacked_bytes, by_distribution=layer.by_distribution)
            for layer in contents.layers[base:]
        ],
        versions={distribution.name: distribution.version for distribution in above},
        records={
            distribution.name: distribution.record
            for distribution in above
            if distribution.record and difference.is_pinned(distribution.name, distribution.version)
        },
        new_modules=verdict.figures.new_modules,
    )


def refusal(verdict: Verdict, contents: Contents, record: BuildRecord) -> str:
    """Return why an image's figures cannot be a baseline; "" where they can. Growth is no reason."""
    outcomes = {finding.check: finding.outcome for finding in verdict.findings}
    wrong = [check for check, outcome in outcomes.items() if outcome in ("FAIL", "ERROR") and check != GROWTH]
    if verdict.gpu or wrong or "PASS" not in outcomes.values():
        return f"{verdict.role} does not PASS: {', '.join(wrong) or 'nothing was executed'}"
    if not verdict.identity == contents.identity == record.identity:
        return f"{verdict.role}: verdict, contents and build record are of different images"
    return ""


def keep(project: Project, roles: list[str], console: Console) -> Exit:
    """Write the figures of these roles' last verification (all where none is named); the others' stay as they are.

    Raises:
        Problem: an image was not verified (exit 3) or does not PASS (exit 1), or the file cannot be written (exit 3).

    """
    contract, artifacts, path = project.contract, project.artifacts, project.baseline
    before, found, changes = read_baseline(path), dict[str, ImageBaseline](), list[str]()
    for image in contract.select(roles):
        verdict, contents, record = _artifacts(artifacts, image.role)
        if why := refusal(verdict, contents, record):
            next_step = f"fix the findings of ./noxw -s verify -- {image.role}; only a good run is a baseline"
            raise Problem(KEEPING, why, next_step, Exit.FAILED)
        found[image.role] = measured(verdict, contents, record)
        old = before.images.get(image.role)
        modules, base = verdict.figures.new_modules, len(record.base.layers)
        words = difference.difference(old, contents, base, modules).words if old else "new"
        changes.append(f"{image.role:<12} {words}")
    kept = {
        role: found.get(role) or before.images[role] for role in contract.roles if role in {**before.images, **found}
    }
    try:
        write_model(path, Baseline(images=kept))
    except OSError as error:
        raise Problem(KEEPING, str(error), f"make {path} writable") from None
    console.print("\n".join(changes), soft_wrap=True)
    console.print(f"{difference.BASELINE} is updated: review the change and commit it", soft_wrap=True)
    return Exit.OK


def _artifacts(artifacts: Artifacts, role: str) -> tuple[Verdict, Contents, BuildRecord]:
    next_step = f"./noxw -s build verify -- {role}"
    try:
        return (
            read_verdict(artifacts.path(role, VERDICT)),
            artifacts.read(role, CONTENTS, Contents),
            artifacts.read(role, BUILD, BuildRecord),
        )
    except FileNotFoundError as error:
        raise Problem(KEEPING, f"there is no {error.filename}", next_step) from None
    except UnreadableArtifact as error:
        raise Problem(KEEPING, str(error), next_step, Exit.USAGE) from None
