"""Builds where everything is there, or all but a line: how long, and what a registry has to receive."""

from collections.abc import Iterator

from bench.measure import Sample, run, series
from bench.model import Figure, Series
from bench.registry import Registry, registry
from bench.workplace import Checkout, Workplace
from deploy.sizes import megabytes

MAIN = "ktrdr/api/main.py"


def figures(place: Workplace) -> Iterator[Figure]:
    """Build and verify with nothing changed, then with one more line in the application; push before and after."""
    with place.checkout() as checkout, registry(place.directory) as store:
        _build(place, checkout)
        nothing = [(_build(place, checkout), _verify(place, checkout)) for _ in range(place.rounds)]
        yield from _figures(place, "nothing changed", nothing, (3.0, 8.0))
        whole = _pushed(place, checkout, store)
        changed = [(_changed(place, checkout, number), _verify(place, checkout)) for number in range(place.rounds)]
        yield from _figures(place, "one line of ktrdr/ changed", changed, (5.0, 12.0))
        again = _pushed(place, checkout, store)
    for role in place.roles:
        note = f"the whole image is {megabytes(whole[role])} MB packed" if role == place.roles[0] else ""
        note = note or f"{megabytes(whole[role])} MB packed that the images before it did not bring"
        received = Series(what="received by a registry", values=[round(again[role] / 1e6, 4)])
        yield Figure(name=f"push of {role} after it", unit="MB", ours=received, at_most=1.0, note=note)


def _figures(
    place: Workplace, what: str, samples: list[tuple[Sample, Sample]], at_most: tuple[float, float]
) -> Iterator[Figure]:
    """Give what the builds took, and what they took together with the verifications behind them."""
    of = f"of {len(place.roles)}, {what}"
    ours = series("build", [built for built, _ in samples])
    yield Figure(name=f"build {of}", unit="s", ours=ours, at_most=at_most[0])
    both = series("build and verify", [built + verified for built, verified in samples])
    yield Figure(name=f"build and verify {of}", unit="s", ours=both, at_most=at_most[1])


def _verify(place: Workplace, checkout: Checkout) -> Sample:
    return checkout.python("verify", *place.roles)


def _build(place: Workplace, checkout: Checkout) -> Sample:
    return checkout.python("deploy", "build", *place.roles)


def _changed(place: Workplace, checkout: Checkout, number: int) -> Sample:
    with (checkout.directory / MAIN).open("a", encoding="utf-8") as file:
        file.write(f"# changed {number} times\n")
    return _build(place, checkout)


def _pushed(place: Workplace, checkout: Checkout, store: Registry) -> dict[str, int]:
    """Push the images one after another; returns by role the bytes that the registry has received more."""
    received = {}
    for image in place.images:
        place.say(f"pushing {image.role}")
        before, name = store.held_bytes(), f"{store.address}/{checkout.tag(image)}"
        place.client.api.tag(checkout.tag(image), name)
        try:
            run(place.docker("push", "--quiet", name))
        finally:
            place.client.images.remove(name)
        received[image.role] = store.held_bytes() - before
    return received
