"""The images beside each other: one base, one Python, and the same layer for what they share. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from deploy.artifacts import Model
from verify.judge import checks
from verify.judge.case import Case, NotSeen, Ruling, finding_of, rule, skip
from verify.judge.verdict import Common, Finding, Outcome, Shared, Verdict, outcome_of

SHOWN = 19  # characters of a digest


class Family(Model):
    """What was found of the images beside each other."""

    outcome: Outcome
    findings: list[Finding]
    started: str = ""
    seconds: float = 0.0

    @property
    def role(self) -> str:
        """The name under which it stands beside the images' roles."""
        return "images together"

    @property
    def image(self) -> str:
        """The same: it is of no one image."""
        return self.role

    @property
    def outcome_words(self) -> list[str]:
        """The outcome, as an image's row has it."""
        return [self.outcome]


def common(case: Case) -> Common:
    """Return what the image must have in common with the others, as far as it was seen."""
    try:
        python = case.environment.python
    except NotSeen:
        python = ""
    try:
        base, layers = case.base.layers, _brought(case)
    except NotSeen:
        base, layers = [], {}
    return Common(base=base, python=python, layers=layers)


def _brought(case: Case) -> dict[str, Shared]:
    """Return the distributions that each layer above the base brings, and the layer.

    A distribution whose start-up file leads elsewhere is editable: it is another layer's by intent.
    """
    editable = {hook.distribution for hook in case.contents.hooks if hook.leads}
    held: dict[int, list[str]] = {}
    for distribution in case.contents.distributions:
        if distribution.layer >= case.base_layers and distribution.name not in editable:
            held.setdefault(distribution.layer, []).append(f"{distribution.name} {distribution.version}")
    layers = ((", ".join(sorted(names)), case.contents.layers[number]) for number, names in held.items())
    return {names: Shared(diff_id=layer.diff_id, listing=layer.listing) for names, layer in layers}


def family(verdicts: Sequence[Verdict]) -> Family | None:
    """Compare the images; None where fewer than two were looked at."""
    known = {verdict.role: verdict.common for verdict in verdicts if verdict.common}
    if len(known) < 2:  # noqa: PLR2004 - nothing to compare
        return None
    rulings = {"same-base": same_base, "same-python": same_python, "same-layers": same_layers}
    findings = [finding_of(check, partial(rulings[name], known)) for name, check in checks.TOGETHER_CHECKS.items()]
    return Family(outcome=outcome_of(findings), findings=findings)


def same_base(known: Mapping[str, Common]) -> Ruling:
    """All were built on the same base image, layer by layer."""
    return _same("base image", {role: " ".join(one.base) for role, one in known.items()}, _last)


def same_python(known: Mapping[str, Common]) -> Ruling:
    """All run the same Python, to the patch."""
    return _same("Python", {role: one.python for role, one in known.items()}, str)


def _last(layers: str) -> str:
    *below, last = layers.split()
    return f"{last[:SHOWN]}… above {len(below)} layers"


def same_layers(known: Mapping[str, Common]) -> Ruling:
    """What several images have of the same distributions is one layer.

    Docker's classic store packs the entries of one layer in either of two orders (docs/surprises.md). No build can
    choose the order, so a digest that differs for it alone is told and is no fault.
    """
    expected, holders = "one layer for the distributions that images share", dict[str, dict[str, Shared]]()
    for role, one in known.items():
        for brought, layer in one.layers.items():
            holders.setdefault(brought, {})[role] = layer
    shared = {brought: layers for brought, layers in holders.items() if len(layers) > 1}
    if not shared:
        return skip("no two of the images share a layer's distributions")
    faults = [_told(brought, layers) for brought, layers in shared.items() if _differ(layers, "listing")]
    packed = [_told(brought, layers) for brought, layers in shared.items() if _differ(layers, "diff_id")]
    words = f"{len(shared)} shared layers" + "; the same entries in another order: " * bool(packed) + "; ".join(packed)
    return rule(not faults, expected, "; ".join(faults) or words)


def _differ(layers: Mapping[str, Shared], digest: Literal["diff_id", "listing"]) -> bool:
    return len({getattr(layer, digest) for layer in layers.values()}) > 1


def _told(brought: str, layers: Mapping[str, Shared]) -> str:
    return f"{_shortened(brought)}: {_grouped({role: f'{layer.diff_id[:SHOWN]}…' for role, layer in layers.items()})}"


def _shortened(brought: str) -> str:
    first, *others = brought.split(", ")
    return first + f" and {len(others)} more" * bool(others)


def _same(what: str, values: Mapping[str, str], shown: Callable[[str], str]) -> Ruling:
    seen = {role: value for role, value in values.items() if value}
    if len(seen) < 2:  # noqa: PLR2004 - nothing to compare
        return skip(f"the {what} of fewer than two images was seen")
    words = {role: shown(value) for role, value in seen.items()}
    return rule(len(set(seen.values())) == 1, f"one {what} for all images", _grouped(words))


def _grouped(values: Mapping[str, str]) -> str:
    """Return each value with the roles that have it."""
    roles: dict[str, list[str]] = {}
    for role, value in values.items():
        roles.setdefault(value, []).append(role)
    return "; ".join(f"{value} in {', '.join(names)}" for value, names in roles.items())
