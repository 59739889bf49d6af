"""Images that were not built here: how the engine gets them, and which of their layers are their base image's."""

import contextlib
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from docker import DockerClient
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from deploy.build_record import Base
from deploy.contract import UNKNOWN, Image
from deploy.image_config import ImageConfig
from verify.observe import containers
from verify.observe.disclosure import masked

BASE_NAME, BASE_DIGEST = (f"org.opencontainers.image.base.{name}" for name in ("name", "digest"))
ADDS_NONE = "and the image adds no layer to it: nothing would be left to judge"
FETCH_SECONDS = 900.0  # for a pull, or for a load of some gigabytes


class NotGottenError(Exception):
    """An image is not on the engine, and cannot be had from where the contract says that it is."""


def get(client: DockerClient, image: Image, platform: str) -> None:
    """Put an image onto the engine under its name, from where the contract says; an image of a registry only if needed.

    What is pulled is for ``platform``.
    Its ``path`` is one from the working directory, or from the root of this machine.

    Raises:
        NotGottenError: the archive is no such file, or holds no image or several.
        TimeoutError: it took more than FETCH_SECONDS.
        docker.errors.DockerException: the engine refuses, or no registry answers it.

    """
    if image.source == "registry":
        with contextlib.suppress(ImageNotFound):
            client.api.inspect_image(image.name)
            return
        name, tag = parse_repository_tag(image.name)
        pulling = containers.spawn(lambda: client.images.pull(name, tag=tag or "latest", platform=platform))
        containers.wait(client, pulling, FETCH_SECONDS)
    elif image.source in ("archive", "oci-layout"):
        with _archive(Path(image.path), image) as path:
            loading = containers.spawn(_load, client, path)
            loaded = containers.wait(client, loading, FETCH_SECONDS)
        if len(loaded) != 1:
            raise NotGottenError(f"{image.path} holds {len(loaded)} images, not one")
        name, tag = parse_repository_tag(image.name)
        client.api.tag(loaded[0], name, tag or "latest")


@contextlib.contextmanager
def _archive(path: Path, image: Image) -> Iterator[Path]:
    """Give the archive that an engine loads; of a layout's directory, one that is gone with the block."""
    if image.source == "archive" and path.is_file():
        yield path
    elif image.source == "oci-layout" and (path / "oci-layout").is_file():
        with tempfile.TemporaryDirectory(prefix="ktrdr-layout-") as directory:
            packed = Path(directory) / "layout.tar"
            with tarfile.open(packed, "w") as archive:
                for one in sorted(path.iterdir()):
                    archive.add(one, one.name)
            yield packed
    else:
        what = "OCI layout (a directory with a file oci-layout)" if image.source == "oci-layout" else "archive"
        raise NotGottenError(f"there is no {what} at {path}")


def _load(client: DockerClient, path: Path) -> list[str]:
    """Load an archive; returns the ids of its images, each once."""
    with path.open("rb") as file:
        return sorted({str(one.id) for one in client.images.load(file)})


def base_of(client: DockerClient, image: Image, config: ImageConfig) -> tuple[Base | None, str]:
    """Return an image's base as the contract or else its OCI labels name it, or None and why it is not known.

    The engine has to have that base, and the image has to begin with its layers and add at least one: what lies in
    the base is not judged, so an image that is its own base would pass unread.
    """
    if image.base == UNKNOWN:
        return None, "the contract says that it is unknown"
    labelled, digest = config.labels.get(BASE_NAME, ""), config.labels.get(BASE_DIGEST, "")
    reference, of = (image.base, "the contract") if image.base else (labelled, f"the label {BASE_NAME}")
    if not reference:
        return None, f"neither `base` of the contract nor the label {BASE_NAME} names it"
    shown, why = masked("", reference), "which the engine does not have: docker pull it"
    pinned = [] if image.base or not digest else [f"{reference.partition('@')[0]}@{digest}"]
    for name in (reference, *pinned):
        with contextlib.suppress(ImageNotFound):
            found = ImageConfig.from_inspect(client.api.inspect_image(name))
            count = len(found.layers)
            begins = bool(count) and config.layers[:count] == found.layers
            if begins and count < len(config.layers):
                return _base(shown, found), ""
            why = ADDS_NONE if begins else "and the image does not begin with its layers"
    return None, f"{of} names {shown}, {why}"


def _base(reference: str, config: ImageConfig) -> Base:
    return Base(
        reference=reference,
        origin="named",
        layers=list(config.layers),
        environment={name: masked(name, value) for name, value in config.environment.items()},
        labels={name: masked(name, value) for name, value in config.labels.items()},
        ports=list(config.exposed_ports),
        shell=[masked("", word) for word in config.shell],
        stop_signal=config.stop_signal,
        author=masked("", config.author),
    )
