"""Cold builds, all at once, beside the same Dockerfiles built one after another with plain `docker build`.

The engine's cache is not emptied, since others use it too: on a base image with one more file every step is new.
What the builds leave in the cache is removed again.
"""

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.groups.verification import shell_steps
from bench.measure import Sample, run, series
from bench.model import Figure
from bench.records import removed_again
from bench.workplace import Checkout, Workplace
from deploy.artifacts import BUILD
from deploy.build.host_settings import host_settings
from deploy.build_record import BuildRecord
from deploy.errors import Problem
from deploy.uv_lock import locked_version

NEEDED = {"absent": 2e9, "cpu": 5e9, "cuda": 18e9}  # bytes free on the engine's disk: layers, cache, the engine's copy


def figures(place: Workplace) -> Iterator[Figure]:
    """Build everything anew, ours and then plain, with the package cache that is there; then examine it.

    Raises:
        Problem: no room on the engine's disk; or, after the first figure, the specification is not there.

    """
    _make_room(place)
    what = f"of {len(place.roles)}, package cache filled"
    place.say(f"cold build {what}")
    built, verified = _cold(place, _together)
    (plain,) = _cold(place, _one_by_one)
    ours, other = series("build", [built]), series("docker build, one after another", [plain])
    yield Figure(name=f"cold build {what}", unit="s", ours=ours, other=other, at_most=0.85)
    steps = run(shell_steps(place))
    ours = series("build and verify", [built + verified])
    other = series("docker build, one after another, and the specification's shell steps", [plain + steps])
    yield Figure(name=f"cold build and verify {what}", unit="s", ours=ours, other=other, at_most=1.1)


def _make_room(place: Workplace) -> None:
    needed = sum(NEEDED[image.torch] for image in place.images)
    root = Path(place.client.info()["DockerRootDir"])
    if root.is_dir() and shutil.disk_usage(root).free < needed:
        wrong = f"{shutil.disk_usage(root).free / 1e9:.0f} GB free at {root}, and {needed / 1e9:.0f} are needed"
        raise Problem("building cold", wrong, "make room on the engine's disk")


def _cold(place: Workplace, build: Callable[[Workplace, Checkout, str], list[Sample]]) -> list[Sample]:
    mark = f"ktrdr-bench-{uuid.uuid4().hex[:8]}"
    with removed_again(place, mark), place.checkout() as checkout, _base(place, mark) as base:
        shutil.rmtree(checkout.directory / ".cache", ignore_errors=True)  # what is known of layers
        return build(place, checkout, base)


@contextlib.contextmanager
def _base(place: Workplace, mark: str) -> Iterator[str]:
    """Make a base image that no build has started from."""
    known = place.artifacts.read(place.roles[0], BUILD, BuildRecord).base.reference
    tag = f"{mark}:base"
    dockerfile = f"FROM {known}\nRUN echo {tag} >/etc/ktrdr-bench\n"
    command = place.docker("buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", tag, "-")
    subprocess.run(command, input=dockerfile, check=True, capture_output=True, text=True, timeout=300)
    try:
        yield tag
    finally:
        place.client.images.remove(tag)


def _together(place: Workplace, checkout: Checkout, base: str) -> list[Sample]:
    return [
        checkout.python("deploy", "build", *place.roles, PYTHON_IMAGE=base),
        checkout.python("verify", *place.roles),
    ]


def _one_by_one(place: Workplace, checkout: Checkout, base: str) -> list[Sample]:
    settings = host_settings(locked_version("torch", checkout.directory / "uv.lock"), checkout.directory / ".cache")
    arguments = {**settings.build_args, "PYTHON_IMAGE": base}
    options = [f"--build-arg={name}" for name in arguments]  # the values from the environment: proxies have passwords
    options += [f"--build-context={name}={value}" for name, value in settings.contexts.items()]
    options += [f"--secret={secret}" for secret in settings.secrets]
    lines = [f'"$@" --file {image.dockerfile} --tag {checkout.tag(image)} .' for image in place.images]
    words = place.docker("buildx", "build", "--load", "--provenance=false", *options)
    command = ["sh", "-ec", "\n".join(lines), "sh", *words]
    return [run(command, cwd=checkout.directory, env={**settings.environment, **arguments})]
