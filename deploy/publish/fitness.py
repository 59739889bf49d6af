"""Whether an image may be published: its verdict is PASS, for that very identity, by today's contract."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from deploy.artifacts import BILL, BUILD, IDENTITY, VERDICT, Artifacts, UnreadableArtifact
from deploy.build_record import BuildRecord
from deploy.contract import Contract, Image
from deploy.image_config import ImageConfig
from verify.judge.reading import read_verdict
from verify.judge.verdict import Verdict


class Unfit(Exception):
    """An image that may not be published: why, and what to do."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why, next_step)
        self.why, self.next_step = why, next_step


@dataclass(frozen=True)
class Fit:
    """An image that may be published, with what goes beside it."""

    image: Image
    image_id: str  # the engine's: a tag that moves from now on changes nothing
    identity: str
    verdict: Verdict
    record: bytes
    bill: bytes


def fit(image: Image, contract: Contract, artifacts: Artifacts, look: Callable[[str], ImageConfig | None]) -> Fit:
    """Return what may be published of one image; `look` gives the configuration of the engine's image of a name.

    Raises:
        Unfit: it may not be.
        Problem: the engine does not answer.

    """
    again = f"./noxw -s build verify -- {image.role}"
    try:
        verdict = read_verdict(artifacts.path(image.role, VERDICT))
        record = artifacts.read(image.role, BUILD, BuildRecord)
        files = [artifacts.path(image.role, name).read_bytes() for name in (BUILD, BILL)]
    except FileNotFoundError as error:
        raise Unfit(f"there is no {error.filename}", again) from None
    except (UnreadableArtifact, OSError) as error:
        raise Unfit(str(error), again) from None
    if verdict.gpu or verdict.outcome != "PASS":
        wrong = next((one.check for one in verdict.findings if one.outcome in ("FAIL", "ERROR")), "")
        step = f"./noxw -s explain -- {image.role} {wrong}" if wrong else again
        raise Unfit(f"its verdict is {'on the GPU alone' if verdict.gpu else verdict.outcome}", step)
    if verdict.contract != contract.digest:
        by = verdict.contract or "a contract that it does not name"
        raise Unfit(f"it was verified by {by}; today's contract is {contract.digest}", again)
    found = look(image.name)
    if found is None:
        raise Unfit(f"the engine has no image {image.name}", again)
    identities = {"the verdict": verdict.identity, "the build record": record.identity, "the bill": _of_bill(files[1])}
    if other := [f"{what} is of {identity}" for what, identity in identities.items() if identity != found.identity]:
        raise Unfit(f"{image.name} is {found.identity} now; {', '.join(other)}", again)
    return Fit(image, found.image_id, found.identity, verdict, files[0], files[1])


def _of_bill(bill: bytes) -> str | None:
    """Return the identity of the image that a bill of materials is of; None where it does not say."""
    try:
        properties = json.loads(bill)["metadata"]["properties"]
        return next(str(entry["value"]) for entry in properties if entry["name"] == IDENTITY)
    except (ValueError, LookupError, TypeError, StopIteration):
        return None
