"""How the cost of a verification grows with the number of roles: time, and memory of the process on the host."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import run
from bench.model import Figure, Series
from bench.workplace import Checkout, Workplace
from deploy.artifacts import BUILD, Artifacts
from deploy.build_record import BuildRecord

NUMBERS = (1, 2, 4, 8)
HOST_MB = 150.0
ONE_ROLE = 1.8  # seconds


def figures(place: Workplace) -> Iterator[Figure]:
    """Verify more and more tags of the same images: every one is looked at by itself."""
    for number in NUMBERS if place.rounds > 1 else NUMBERS[:2]:
        roles = f"{number} role{'s' * (number > 1)}"
        place.say(f"verifying {roles}")
        with place.checkout() as checkout:
            _multiply(place, checkout, number)
            artifacts = checkout.directory / "artifacts"
            sample = run([sys.executable, "-m", "verify", "--artifacts", str(artifacts)], cwd=checkout.directory)
        took = Series(what="verify", values=[round(sample.seconds, 3)], cpu_seconds=[round(sample.cpu_seconds, 2)])
        yield Figure(name=f"verify of {roles}", unit="s", ours=took, at_most=ONE_ROLE if number == 1 else None)
        peak = Series(what="verify", values=[round(sample.peak_bytes / 1e6, 1)])
        yield Figure(name=f"memory of its process, {roles}", unit="MB", ours=peak, at_most=HOST_MB)


def _multiply(place: Workplace, checkout: Checkout, number: int) -> None:
    """Rewrite the copy's contract to so many roles, in turn of each image, with tags and build records."""
    text = checkout.contract.read_text(encoding="utf-8")
    head, *tables = re.split(r"(?m)^(?=\[images\.[\w-]+\]$)", text)
    roles = {match[1]: table for table in tables if (match := re.match(r"\[images\.([\w-]+)\]", table))}
    written = [head]
    for count in range(number):
        image = place.images[count % len(place.images)]
        role, tag = f"{image.role}-{count}", f"{checkout.prefix}{image.role}-{count}:grown"
        table = re.sub(rf"(?m)^(\[+images\.){image.role}\b", rf"\g<1>{role}", roles[image.role])
        written.append(re.sub(r'(?m)^name = ".*"$', f'name = "{tag}"', table))
        place.client.api.tag(image.name, tag)
        _record(place.artifacts, checkout.directory / "artifacts", image.role, role, tag)
    checkout.contract.write_text("".join(written), encoding="utf-8")


def _record(known: Artifacts, directory: Path, of: str, role: str, tag: str) -> None:
    record = json.loads(known.path(of, BUILD).read_text(encoding="utf-8")) | {"role": role, "tag": tag}
    Artifacts(directory).write(role, BUILD, BuildRecord.model_validate(record))
