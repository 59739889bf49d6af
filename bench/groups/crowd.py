"""One backend and more and more workers that compute nothing: what heartbeats take, and what becomes of the work."""

import json
from collections.abc import Iterator
from typing import Any, Final

from bench.groups.years import Backend
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.engine.runs import new_run

AT_ONCE: Final = 200
STEPS: Final = (50, 100, 150, AT_ONCE, 250, 300, 400, 500)
"""500 is the most that a backend registers."""
SECONDS: Final = 20.0  # of each step
QUICK: Final = ((5, 10), 2.0)
PROMPT_MS: Final = 100.0
MEMORY_MB: Final = 512.0
"""What compose gives a backend."""


def figures(place: Workplace) -> Iterator[Figure]:
    """Let ever more workers register, beat and work against the image's own command, in one container with it."""
    image = next(image for image in place.images if image.torch == "absent")
    steps, seconds = (STEPS, SECONDS) if place.rounds > 1 else QUICK
    place.say(f"letting {steps[0]} to {steps[-1]} workers work for one backend")
    with new_run(place.engine) as held:
        backend = Backend(place, held, image)
        words = (str(seconds), ",".join(map(str, steps)))
        printed = backend.run(backend.empty("crowd"), "crowd.py", *words, *backend.command)
    yield from told(json.loads(printed), AT_ONCE if AT_ONCE in steps else steps[-1])


def told(found: dict[str, Any], at_once: int) -> Iterator[Figure]:
    """Return the figures of so many workers, the number that is too many, and the operations that went wrong."""
    one = next(step for step in found["steps"] if step["workers"] == at_once)
    busy = f"{one['a_second']:.0f} a second, {one['cpu']:.2f} processors"
    yield _figure(f"{at_once} workers: a heartbeat", "ms", one["median"], None, busy)
    yield _figure(f"{at_once} workers: a heartbeat, 99th percentile", "ms", one["p99"], PROMPT_MS)
    yield _figure(f"{at_once} workers: peak memory of the backend", "MB", one["memory"], MEMORY_MB)
    name = f"workers with which the 99th percentile passes {PROMPT_MS:.0f} ms"
    late = next((step["workers"] for step in found["steps"] if step["p99"] > PROMPT_MS), None)
    most = found["steps"][-1]["workers"]
    yield _figure(
        name, "workers", late or most, None, "" if late else f"not passed: {most} are the most that were tried"
    )
    wrong = found["lost"] + found["twice"] + found["out_of_order"]
    kinds = f"of {found['accepted']:,}: lost, given out twice, or out of the queue's order"
    yield _figure("operations that went wrong", "operations", wrong, 0.0, kinds)


def _figure(name: str, unit: Any, value: float, at_most: float | None, note: str = "") -> Figure:
    ours = Series(what=name, values=[round(value, 1)])
    return Figure(name=f"a crowd: {name}", unit=unit, ours=ours, at_most=at_most, note=note)
