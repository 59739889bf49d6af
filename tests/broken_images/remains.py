"""What a suite leaves: nothing of its own on the engine or the machine, and the good images' tags where they were."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient
from docker.errors import ImageNotFound

from deploy import locks
from deploy.engine.labelled import RUN_HOST, RUN_PID, find
from deploy.engine.runs import is_alive


@dataclass(frozen=True)
class Before:
    """What there was before: image ids by tag."""

    tags: dict[str, str]


def look(client: DockerClient, tags: Iterable[str]) -> Before:
    """Remember where the tags point; "" for one that is not there."""
    return Before({tag: _image(client, tag) for tag in tags})


def _image(client: DockerClient, tag: str) -> str:
    try:
        return str(client.api.inspect_image(tag)["Id"])
    except ImageNotFound:
        return ""


def remains(client: DockerClient, before: Before, repository: str, process: int) -> list[str]:
    """Return what is left of a suite that ran in this process: things with its label, images, children, moved tags."""
    where = locks.folder()
    host = {RUN_HOST: locks.host_name(where)}
    left = [
        str(one)
        for one in find(client, host)
        if one.labels.get(RUN_PID) == str(process) or not is_alive(where, one.run)
    ]
    left += [f"image {tag}" for image in client.images.list(repository) for tag in image.tags]
    left += [f"process {child}" for child in children(process)]
    moved = [tag for tag, image in before.tags.items() if _image(client, tag) != image]
    return left + [f"the tag {tag} points elsewhere" for tag in moved]


def children(process: int) -> list[str]:
    """Return the process ids of a process's children, with their names (proc(5))."""
    tasks = (task / "children" for task in Path(f"/proc/{process}/task").iterdir())
    return sorted(f"{child} {_name(child)}" for task in tasks for child in task.read_text(encoding="ascii").split())


def _name(process: str) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
