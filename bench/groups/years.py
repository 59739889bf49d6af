"""The backend after a year of use beside its first day: the start, lists, and memory."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.measure import SECONDS
from bench.model import Figure, Series
from bench.workplace import Workplace
from deploy.contract import Image
from deploy.engine.runs import Run, new_run
from deploy.image_config import ImageConfig

INSIDE = Path(__file__).parent.parent / "inside"
FIRST_DAY = (400, 50, 5)  # operations, models, series: a full page of each list
YEAR = (50_000, 2_000, 500)
ASKED = 21  # times for each list
AS_ON_THE_FIRST_DAY = 1.25  # the rounds of one directory differ by as much
FIRST_ANSWER_MS = 500.0


@dataclass(frozen=True)
class Backend:
    """The backend's image, run with a volume at a time."""

    place: Workplace
    held: Run
    image: Image

    @property
    def labels(self) -> list[str]:
        """The options that label what is made, so that a later run finds it if this one is killed."""
        return [f"--label={name}={value}" for name, value in self.held.labels.items()]

    def filled(self, part: str, numbers: tuple[int, ...]) -> str:
        """Return a volume with so many operations, models and series."""
        self.place.say("filling a volume with {:,} operations, {:,} models and {:,} series".format(*numbers))
        volume = self.empty(part)
        self.run(volume, "year.py", *map(str, numbers))
        return volume

    def empty(self, part: str) -> str:
        """Return a new volume."""
        volume = self.held.name(f"bench-{part}")
        make = self.place.docker("volume", "create", *self.labels, volume)
        subprocess.run(make, check=True, capture_output=True, timeout=SECONDS)
        return volume

    @property
    def command(self) -> list[str]:
        """The image's own command."""
        return list(ImageConfig.from_inspect(self.place.client.api.inspect_image(self.image.name)).command)

    def asked(self, volume: str) -> dict[str, float]:
        """Start the image's own command on a volume; return what it took, by name."""
        found: dict[str, float] = json.loads(self.run(volume, "lists.py", str(ASKED), *self.command))
        return found

    def run(self, volume: str, script: str, *words: str) -> str:
        """Run a script in a container, with the volume as its data; return what it printed."""
        memory, data = f"--memory={self.image.limits.memory}b", f"--volume={volume}:/data"
        options = ["--rm", "--interactive", "--network=none", memory, data, *self.labels]
        done = subprocess.run(
            self.place.docker("run", *options, self.image.name, "python", "-", *words),
            input=(INSIDE / script).read_text(encoding="utf-8"),
            check=True, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        return done.stdout


def figures(place: Workplace) -> Iterator[Figure]:
    """Fill two volumes by the backend's own code, start the backend on each in turn, and ask for its lists."""
    image = next(image for image in place.images if image.torch == "absent")
    size = YEAR if place.rounds > 1 else tuple(number // 100 for number in YEAR)
    with new_run(place.engine) as held:
        backend = Backend(place, held, image)
        volumes = [backend.filled("year", size), backend.filled("day", FIRST_DAY)]
        rounds = [[backend.asked(volume) for volume in volumes] for _ in range(place.rounds)]
    for name in rounds[0][0]:
        year, day = ([round(found[which][name], 3) for found in rounds] for which in (0, 1))
        yield _figure(name, year, day)


def _figure(name: str, year: list[float], day: list[float]) -> Figure:
    unit: Literal["s", "ms", "MB"] = "s" if name == "start" else "MB" if name == "memory" else "ms"
    shown = {"start": "start to healthy", "memory": "peak memory"}.get(name, f"list of {name}")
    ours = Series(what="after a year", values=year)
    if "first answer" in name:  # it grows with the number of series: all of them are one answer
        return Figure(name=f"a year of use: {shown}", unit=unit, ours=ours, at_most=FIRST_ANSWER_MS)
    other = Series(what="on the first day", values=day)
    return Figure(name=f"a year of use: {shown}", unit=unit, ours=ours, other=other, at_most=AS_ON_THE_FIRST_DAY)
