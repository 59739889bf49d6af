"""Builds where everything is there, or all but a line: how long, and what a registry has to receive."""

from collections.abc import Iterator

from bench.measure import Sample, run, series
from bench.model import Figure, Series
from bench.registry import Registry, registry
from bench.workplace import Checkout, Workplace
from deploy.sizes import megabytes

MAIN = "ktrdr/api/main.py"


def figures(place: Workplace) -> Iterator[Figure]:
    """Build with nothing changed, then with one more line in the application; push before and after."""
    of = f"build of {len(place.roles)}"
    with place.checkout() as checkout, registry(place.directory) as store:
        _build(place, checkout)
        nothing = [_build(place, checkout) for _ in range(place.rounds)]
        yield Figure(name=f"{of}, nothing changed", unit="s", ours=series("build", nothing), at_most=3.0)
        whole = _pushed(place, checkout, store)
        changed = [_changed(place, checkout, number) for number in range(place.rounds)]
        yield Figure(name=f"{of}, one line of ktrdr/ changed", unit="s", ours=series("build", changed), at_most=5.0)
        again = _pushed(place, checkout, store)
    for role in place.roles:
        note = f"the whole image is {megabytes(whole[role])} MB packed" if role == place.roles[0] else ""
        note = note or f"{megabytes(whole[role])} MB packed that the images before it did not bring"
        received = Series(what="received by a registry", values=[round(again[role] / 1e6, 4)])
        yield Figure(name=f"push of {role} after it", unit="MB", ours=received, at_most=1.0, note=note)


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
