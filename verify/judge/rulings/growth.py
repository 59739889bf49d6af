"""How much the image grew since the baseline, and which distributions caused it."""

from deploy.sizes import megabytes
from verify.judge.case import Case, Ruling, rule, skip
from verify.judge.difference import NO_DISTRIBUTION, SHOWN, signed

GROWTH = "size-growth"


def size_growth(case: Case) -> Ruling:
    """The bytes above the base image have not grown by more than the contract allows since the baseline."""
    allowed, changed = case.image.growth_at_most, case.difference
    if allowed is None:
        return skip("the contract bounds no growth")
    if changed is None:
        return skip("the baseline does not know this image yet: `./noxw -s baseline` once it passes")
    grown = [name for name, size in changed.by_distribution.items() if size > 0]
    causes = {
        name or NO_DISTRIBUTION: f"{signed(changed.by_distribution[name])}{_required(case, name)}"
        for name in grown[:12]
    }
    found = signed(changed.added_bytes)
    if changed.added_bytes > allowed:
        found += ": " + ", ".join(f"{name} {cause}" for name, cause in list(causes.items())[:SHOWN])
    evidence = {"grown": causes, "layers": _layers(case)} if changed.added_bytes > allowed else {}
    expected = f"at most {megabytes(allowed)} MB more than the baseline ({changed.run})"
    return rule(changed.added_bytes <= allowed, expected, found, **evidence)


def _required(case: Case, name: str) -> str:
    requirers = case.requirers.get(name, [])
    return f" (required by {', '.join(requirers)})" if requirers else ""


def _layers(case: Case) -> list[str]:
    """Return the layers above the base with their bytes then and now."""
    then = case.baseline.layers if case.baseline else []
    now = case.contents.layers[case.base_layers :]
    sizes = [then[number].unpacked_bytes if number < len(then) else 0 for number in range(len(now))]
    return [
        f"layer {number + case.base_layers}: {megabytes(old)} MB then, {megabytes(layer.unpacked_bytes)} MB now"
        for number, (old, layer) in enumerate(zip(sizes, now, strict=True))
    ]


RULINGS = {GROWTH: size_growth}
