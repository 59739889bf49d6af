"""Removes what dead runs of this pipeline left; if asked, also its images, records and caches; nothing else."""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from deploy import locks
from deploy.base import bootstrap
from deploy.contract import ROLE_LABEL
from deploy.engine import podman, runs
from deploy.engine.bring_up import tell
from deploy.engine.connection import ENGINE_ERRORS, client_for, judge, look
from deploy.engine.labelled import RUN_HOST, LabelledResource, find, remove, request
from deploy.errors import Exit, Problem

NAMES = "ktrdr-"
DIRECTORIES = ("artifacts", ".cache")
REMOVE_SECONDS = 60.0
REQUEST_SECONDS = 60.0  # an image of gigabytes is not removed in a moment


def clean(root: Path | None = None, *, say: Callable[[str], None] = tell) -> int:
    """Remove what dead runs of this machine left; with a checkout's `root` also our images, its artifacts/ and .cache/.

    Prints what it removes, and what it leaves although it carries our label. Returns FAILED if something could not be
    removed.

    Raises:
        Problem: no engine answers (exit 3); the directories are gone by then.

    """
    removed = remove_directories(root, say) if root else 0
    seen = look()
    if seen.trouble:
        judge(seen)
    kind = podman.PodmanApi if seen.podman else None
    with contextlib.closing(client_for(seen.endpoint, REQUEST_SECONDS, kind)) as client:
        try:
            gone, stayed = remove_labelled(client, say)
            if root:
                more, held = remove_images(client, say)
                gone, stayed = gone + more, stayed + held
        except Problem:
            raise
        except ENGINE_ERRORS as error:
            next_step = "see that the engine answers (docker info), run it again"
            raise Problem("cleaning up", str(error), next_step) from error
    if not (removed or gone or stayed):
        say("clean: nothing to remove")
    return Exit.FAILED if stayed else Exit.OK


def remove_directories(root: Path, say: Callable[[str], None]) -> int:
    """Remove records and caches below the checkout; returns how many there were. A link is removed, not followed."""
    count = 0
    for path in (root / name for name in DIRECTORIES):
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            continue
        say(f"clean: removed {path}")
        count += 1
    return count


def sort_out(
    resources: Iterable[LabelledResource], host: str, alive: Callable[[str], bool]
) -> tuple[list[LabelledResource], dict[LabelledResource, str]]:
    """Separate the resources of this machine's dead runs from those that stay, with the reason."""
    dead, staying = [], {}
    for resource in resources:
        if resource.labels.get(RUN_HOST) != host:
            staying[resource] = f"run {resource.run} belongs to {resource.labels.get(RUN_HOST) or 'another machine'}"
        elif alive(resource.run):
            staying[resource] = f"run {resource.run} is still going"
        else:
            dead.append(resource)
    return dead, staying


def remove_labelled(client: docker.DockerClient, say: Callable[[str], None]) -> tuple[int, int]:
    """Remove what dead runs left; returns how many went and how many could not."""
    where = locks.folder()
    dead, staying = sort_out(find(client, {}), locks.host_name(where), lambda run: runs.is_alive(where, run))
    for resource, why in staying.items():
        say(f"clean: left {resource}: {why}")
    stayed = remove(client, dead, REMOVE_SECONDS)
    for resource in dead:
        if resource in stayed:
            say(f"clean: could not remove {resource}: {stayed[resource]}")
        else:
            say(f"clean: removed {resource}, left by run {resource.run}")
    return len(dead) - len(stayed), len(stayed)


def our_names(image: Mapping[str, Any]) -> list[str]:
    """Return the names, or the id, by which an image is ours to remove.

    Images that others build on ours inherit the labels, so a label alone proves nothing. The name must be ours as
    well. An image without a name is ours if it has our label: a rebuild took its name away.
    """
    labels = image.get("Labels") or {}
    tags = [tag for tag in image.get("RepoTags") or [] if tag != "<none>:<none>"]
    if not {ROLE_LABEL, bootstrap.LABEL} & set(labels):
        return []
    if not tags:
        return [str(image["Id"])] if ROLE_LABEL in labels else []
    return [tag for tag in tags if tag.rpartition("/")[2].startswith(NAMES)]


def remove_images(client: docker.DockerClient, say: Callable[[str], None]) -> tuple[int, int]:
    """Remove the images that builds and bootstraps made; returns how many names went and how many could not."""
    gone = stayed = 0
    for name in [name for image in _images(client) for name in our_names(image)]:
        try:
            client.images.remove(name)
        except docker.errors.ImageNotFound:
            continue
        except docker.errors.APIError as error:
            say(f"clean: could not remove image {name}: {error.explanation or error}")
            stayed += 1
        else:
            say(f"clean: removed image {name}")
            gone += 1
    return gone, stayed


def _images(client: docker.DockerClient) -> list[Mapping[str, Any]]:
    """List labelled images, those with names first: nameless images may be parents of them."""
    found: dict[str, Mapping[str, Any]] = {}
    for label in (ROLE_LABEL, bootstrap.LABEL):
        found |= {image["Id"]: image for image in request(client.api.images, filters={"label": label})}
    return sorted(found.values(), key=lambda image: not image.get("RepoTags"))
