"""``python -m deploy pin``: asks registries for today's digests, and the bootstrapped base image for its packages."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors
import requests.exceptions

from deploy.artifacts import write_text
from deploy.base import bootstrap, image
from deploy.base.pins import Pins, differences, read_pins, text_of
from deploy.engine.connection import Engine, sdk
from deploy.errors import Exit
from deploy.project import Project
from deploy.uv_lock import locked_version

SECONDS = 60.0


def renew(project: Project, engine: Engine, say: Callable[[str], None]) -> Exit:
    """Renew the pins file and the Dockerfiles, and say each change; 3 where a registry did not give a digest.

    What could not be asked keeps its pin. Wheels stay as they are.

    Raises:
        Problem: the pins file, uv.lock or a Dockerfile cannot be read.

    """
    contract, code = project.contract, Exit.OK
    pins = read_pins(project.pins)
    wanted = references(contract.python, project.lock)
    images = {name: digest for name, digest in pins.images.items() if name in wanted}
    with contextlib.closing(sdk(engine, timeout=SECONDS)) as client:
        for reference in wanted:
            try:
                images[reference] = client.images.get_registry_data(reference).id
            except (docker.errors.APIError, requests.exceptions.RequestException) as error:
                kept = images.get(reference, "none, as before")
                say(f"{reference}: no registry gave its digest ({error}); its pin stays: {kept}")
                code = Exit.UNAVAILABLE
        packages = _packages(client, contract.python, pins)
    new = Pins(images=images, wheels=pins.wheels, packages=packages)
    for line in changes(pins, new):
        say(line)
    write_text(project.pins, text_of(new))
    for name in {one.dockerfile for one in contract.images.values() if one.built_here}:
        path = project.root / name
        write_text(path, with_digests(path.read_text(encoding="utf-8"), new))
    return code


def references(python: str, lock: Path) -> tuple[str, ...]:
    """Return the images that are pinned, by tag: the base image and uv's."""
    return image.default_reference(python), f"ghcr.io/astral-sh/uv:{locked_version('uv', lock)}"


def _packages(client: docker.DockerClient, python: str, pins: Pins) -> dict[str, dict[str, str]]:
    if not (base := image.bootstrapped_before(client, python)):
        return pins.packages
    place = base.config.labels[bootstrap.PLACE]
    return {**pins.packages, place: image.packages_of(client, base.reference)}


def changes(old: Pins, new: Pins) -> list[str]:
    """Return in words what was renewed; that nothing was where all is the same."""
    said = [f"{one}: {old.images.get(one, 'none')} -> {new.images[one]}" for one in sorted(new.images)
            if new.images[one] != old.images.get(one)]  # fmt: skip
    said += [f"{one}: no longer used" for one in sorted(old.images) if one not in new.images]
    for place, packages in sorted(new.packages.items()):
        said += [f"{place}: {line}" for line in differences(packages, old.packages.get(place, {}))]
    return said or ["every pin that could be asked for is the same"]


def with_digests(dockerfile: str, pins: Pins) -> str:
    """Return a Dockerfile's text in which each pinned image has its digest."""
    for reference in pins.images:
        pattern = rf"{re.escape(reference)}(@sha256:[0-9a-f]+)?(?=\s)"
        dockerfile = re.sub(pattern, pins.image(reference), dockerfile)
    return dockerfile
