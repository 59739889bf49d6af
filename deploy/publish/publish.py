"""``python -m deploy publish``: sends verified images to a registry, each with its attestations, or sends none."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from deploy.artifacts import BILL, BUILD
from deploy.contract import Image
from deploy.engine.connection import Engine
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.project import Project
from deploy.publish import send, signing, statements
from deploy.publish.fitness import Fit, Unfit, fit
from deploy.publish.published import BILL_KIND, RECORD_KIND
from deploy.publish.reference import Reference
from deploy.publish.registry import Artifact, Manifest, Repository
from deploy.publish.statements import IN_TOTO, Basis, Subject, sha256

PUBLISHING = "publishing"
STAGED = "verified-"  # a tag's beginning; the first digits of the identity follow
DIGITS = 32
PREDICATE = "in-toto.io/predicate-type"  # the annotation by which other tools find a statement's kind


@dataclass(frozen=True)
class Place:
    """Where images go, and how."""

    registry: str  # its host, and what stands before the images' names there
    plain_http: bool = False

    def reference(self, image: Image) -> Reference:
        """Return an image's name there; raises Problem (exit 2)."""
        return Reference.read(f"{self.registry.rstrip('/')}/{image.name}")

    def repository(self, image: Image) -> Repository:
        """Return an image's repository there; raises Problem (exit 2)."""
        return Repository(self.reference(image), plain_http=self.plain_http)


@dataclass(frozen=True)
class Signing:
    """Who vouches for what is published."""

    signer: CryptoSigner | None
    verifier: str

    @classmethod
    def of(cls, key: Path | None, verifier: str | None) -> "Signing":
        """Read the private key, where one is named; raises Problem (exit 2)."""
        who = verifier or f"urn:ktrdr:verifier:{socket.gethostname()}"
        return cls(signing.signer_of(key) if key else None, who)


def publish(
    project: Project,
    roles: Sequence[str],
    place: Place,
    by: Signing,
    *,
    engine: Engine,
    say: Callable[[str], None] = print,
) -> Exit:
    """Publish the images of these roles, all where none is named. Tags move at the end, when everything is there.

    Raises:
        Problem: an image may not be published (exit 1), or registry or engine refuses (exit 3). No tag has moved then,
            unless the registry refused one of the tags themselves.

    """
    ready = _fit(project, roles, lambda name: send.config_of(engine, name))
    repositories = [place.repository(found.image) for found in ready]
    for repository in repositories:
        repository.ready()
    sent = [_send(engine, found, at, by, say) for found, at in zip(ready, repositories, strict=True)]
    for at, manifest in zip(repositories, sent, strict=True):
        at.tag(at.reference.version, manifest)
    signed = f"signed by {by.signer.public_key.keyid[:16]}" if by.signer else "not signed: no --key"
    for found, at, manifest in zip(ready, repositories, sent, strict=True):
        say(f"{found.image.role:<12}  {at.reference.at(at.reference.version)}  {manifest.digest}")
    say(f"published with bill of materials, build record, test result and verification summary, {signed}")
    return Exit.OK


def _fit(project: Project, roles: Sequence[str], look: Callable[[str], ImageConfig | None]) -> list[Fit]:
    """Return the images, if all of them may be published; else raise Problem (exit 1) with every reason."""
    ready, unfit = list[Fit](), dict[str, Unfit]()
    for image in project.contract.select(list(roles)):
        try:
            ready.append(fit(image, project.contract, project.artifacts, look))
        except Unfit as why:
            unfit[image.role] = why
    if unfit:
        wrong = "nothing was sent" + "".join(f"\n  - {role}: {why.why}" for role, why in unfit.items())
        next_step = "; ".join(dict.fromkeys(why.next_step for why in unfit.values()))
        raise Problem(PUBLISHING, wrong, next_step, Exit.FAILED)
    return ready


def _send(engine: Engine, found: Fit, at: Repository, by: Signing, say: Callable[[str], None]) -> Manifest:
    """Push an image under a tag of its identity, and put everything beside it."""
    staged = STAGED + found.identity.removeprefix("sha256:")[:DIGITS]
    try:
        send.push(engine, found.image_id, Reference(at.reference.host, at.reference.name, staged), say)
    except Problem:
        at.ready()  # the registry itself says more of the reason than the engine, where it refuses again
        raise
    manifest = at.image(found.identity, staged)
    for artifact in beside(found, manifest.digest, at.reference.repository, by):
        at.attach(artifact, manifest)
    return manifest


def beside(found: Fit, digest: str, name: str, by: Signing) -> list[Artifact]:
    """Return what lies beside an image: the bill, the build record, the test result and the summary of both."""
    subject = Subject(name, digest, found.image.role, found.identity)
    basis = Basis(found.verdict.contract, sha256(found.record), sha256(found.bill))
    kind, result = signing.sealed(statements.result_of(found.verdict, subject, basis), by.signer)
    summary = statements.summary_of(found.verdict, subject, basis, by.verifier, sha256(result))
    _, summed = signing.sealed(summary, by.signer)
    about = {"test-result.json": (result, statements.TEST_RESULT), "summary.json": (summed, statements.SUMMARY)}
    return [
        Artifact(BILL_KIND, found.bill, BILL),
        Artifact(RECORD_KIND, found.record, BUILD),
        *(Artifact(IN_TOTO, data, title, kind, {PREDICATE: of}) for title, (data, of) in about.items()),
    ]
