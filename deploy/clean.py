"""Removes what dead runs of this pipeline left; if asked, also its images, records and caches; nothing else."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import docker
import docker.errors

from deploy import locks
from deploy.artifacts import E2E, GPU, OTHERS, REPORTS, STAGES
from deploy.base import bootstrap
from deploy.contract import ROLE_LABEL
from deploy.engine import podman, runs
from deploy.engine.bring_up import tell
from deploy.engine.connection import ENGINE_ERRORS, client_for, judge, look
from deploy.engine.labelled import RUN_HOST, LabelledResource, find, remove, request
from deploy.errors import Exit, Problem

NAMES = "ktrdr-"
RECORDS, CACHE = "artifacts", ".cache"
# What these tools make there: all else is somebody's own, and stays.
APART = (GPU, OTHERS, "published")  # each laid out as artifacts/
SEVERAL = (*REPORTS, "history.html", "faults.json", "faults.md", "bench.json", "bench.md")  # about several roles
FOLDERS = {(E2E, "logs"): ".log", ("screenshots",): ".png"}  # whatever their files are called
CACHES = (
    "bytecode", "buildx", "contents", "layers", "sbom", "torch-wheels", "uv-binary", "uv-*-*", ".uv-*", ".torch-*",
)  # fmt: skip
REMOVE_SECONDS = 60.0
REQUEST_SECONDS = 60.0  # an image of gigabytes is not removed in a moment


def clean(root: Path | None = None, *, say: Callable[[str], None] = tell) -> int:
    """Remove what dead runs of this machine left; with a checkout's `root` also our images, its artifacts/ and .cache/.

    Prints what it removes, and what it leaves although it carries our label. Returns FAILED if something could not be
    removed.

    Raises:
        Problem: the root is or holds the home directory (exit 2); no engine answers (exit 3), the files being gone.

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
    """Remove this pipeline's records and caches below the checkout; returns in how many directories there were some.

    What others put there stays, and is told. A link is removed, not followed.

    Raises:
        Problem: the checkout is a home directory, or holds one: another's files lie there (exit 2).

    """
    home = Path.home().resolve()
    if root.resolve() in (home, *home.parents):
        wrong = f"{root} is or holds the home directory: its {RECORDS}/ and {CACHE}/ are not only this pipeline's"
        next_step = "name the contract of a checkout with --contract FILE, or leave --all out"
        raise Problem("removing records and caches", wrong, next_step, Exit.USAGE)
    count = 0
    for path, remove_ours in ((root / RECORDS, _remove_records), (root / CACHE, _remove_caches)):
        if path.is_symlink():
            path.unlink()
            removed = 1
        elif path.is_dir():
            removed = remove_ours(path)
            if not any(path.iterdir()):
                path.rmdir()
                removed = removed or 1
        else:
            continue
        if removed:
            count += 1
            say(f"clean: removed {path}" if not path.exists() else f"clean: removed what this pipeline made in {path}")
        if path.is_dir():
            say(f"clean: left {', '.join(sorted(map(str, path.iterdir())))}: this pipeline did not make all of it")
    return count


def is_record(path: Path) -> bool:
    """Whether a file is one of the pipeline's, by its path from the root of the artifacts."""
    parts = path.parts[1:] if path.parts[0] in APART else path.parts
    if parts[:-1] in FOLDERS:
        return path.suffix == FOLDERS[parts[:-1]]
    known = {1: SEVERAL, 2: STAGES}.get(len(parts), ())
    return any(parts[-1] == name or parts[-1].startswith(f".{name}.") for name in known)  # or half written


def _remove_records(root: Path) -> int:
    """Remove the pipeline's files, and the directories in which nothing else is; returns how many files there were."""
    count = 0
    for directory, _, files in os.walk(root, topdown=False):
        here = Path(directory)
        for file in (here / name for name in files):
            if is_record(file.relative_to(root)):
                file.unlink()
                count += 1
        if here != root and not any(here.iterdir()):
            here.rmdir()
    return count


def _remove_caches(root: Path) -> int:
    ours = [path for path in root.iterdir() if any(fnmatch(path.name, name) for name in CACHES)]
    for path in ours:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return len(ours)


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
