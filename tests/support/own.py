"""The contract's own checks, tried on an image of the engine as a verification does, and judged."""

import contextlib
from collections.abc import Sequence

from deploy.contract import Contract
from deploy.engine import connection as engines
from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from deploy.image_config import ImageConfig
from deploy.own_checks import OwnCheck
from verify.judge.case import Case, finding_of
from verify.judge.rulings import own as rulings
from verify.judge.verdict import Finding
from verify.observe import own
from verify.observe.containers import Gate
from verify.observe.model import Observation
from verify.observe.subject import subject_of


def tried(engine: Engine, run: Run, contract: Contract, tag: str, checks: Sequence[OwnCheck]) -> dict[str, Finding]:
    """What the checks find of an image, by their names."""
    image = contract.images[contract.roles[0]].model_copy(update={"name": tag, "checks": list(checks), "writable": []})
    with contextlib.closing(engines.sdk(engine)) as client:
        config = ImageConfig.from_inspect(client.api.inspect_image(tag))
        subject = subject_of(client, tag, config)
    seen = own.observe(engine, run, Gate(), image, config, checks=list(checks))
    observation = Observation(role=image.role, subject=subject, own=seen)
    case = Case(contract, image, observation, None, None, "", {})
    found = [finding_of(check, lambda it=it: it(case), dockerfile="Dockerfile") for check, it in rulings.rulings(case)]  # type: ignore[misc]
    return {finding.check.removeprefix("own/"): finding for finding in found}
