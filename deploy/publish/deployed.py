"""Which published images are deployed: by digest, each with an attestation that holds, unless that is waived."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.contract import Image
from deploy.errors import Exit, Problem
from deploy.image_config import Healthcheck
from deploy.publish.examined import Examined, Expected, examine
from deploy.publish.publish import Place
from deploy.publish.published import read


@dataclass(frozen=True)
class Deployed:
    """An image as it is deployed: its name with its digest, and the HEALTHCHECK that it declares."""

    reference: str
    healthcheck: Healthcheck | None


def deployed(
    images: Iterable[Image], place: Place, expected: Expected, say: Callable[[str], None], *, unattested: bool = False
) -> dict[str, Deployed]:
    """Return each image as it is deployed, by its name in the contract.

    With ``unattested`` an image is taken although its attestation is missing, or does not hold; that is said.

    Raises:
        Problem: an image is refused (exit 1), or is not there, or the registry refuses (exit 3).

    """
    found, refused = dict[str, Deployed](), list[str]()
    for image in images:
        reference = place.reference(image)
        published = read(place.repository(image))
        examined = examine(published, expected)
        found[image.name] = Deployed(reference.at(published.digest), published.healthcheck)
        fault = _fault(examined, image)
        if fault and unattested:
            say(f"warning: {image.role} is taken although {fault}")
        elif fault:
            refused.append(f"\n  - {image.role} ({reference.at(reference.version)}): {fault}")
    if refused:
        next_step = "publish it anew, or take it nevertheless with --unattested"
        raise Problem("naming images by their digests", f"refused{''.join(refused)}", next_step, Exit.FAILED)
    return found


def _fault(examined: Examined, image: Image) -> str:
    """Return what speaks against deploying an image; "" for nothing."""
    wrong = [f"{one.check}: {one.found}" for one in examined.findings if one.outcome in ("FAIL", "ERROR")]
    if examined.attested and examined.attested.subject.role != image.role:
        wrong.append(f"it was verified as {examined.attested.subject.role}")
    return "; ".join(wrong)
