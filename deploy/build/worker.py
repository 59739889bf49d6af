"""One build in a process of its own (deploy.build.forkserver): a deadline or Ctrl-C ends it with all its children.

Prints one message (deploy.build.messages) a line; the last one is ``Built`` or ``Failed``.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from python_on_whales.exceptions import DockerException

from deploy.build.messages import BuildRequest, Built, Failed, Line, Options, Phase, printable
from deploy.engine import connection
from deploy.errors import Problem
from deploy.image_config import ImageConfig
from verify.contents import cache
from verify.contents.raw_layer import UnreadableArchive


def _tell(message: Line | Phase | Built | Failed) -> None:
    print(message.model_dump_json(), flush=True)


def build(request: BuildRequest) -> int:
    """Build the requested image and read its layers; 0 when both went well."""
    engine, options = request.engine, request.options
    try:
        image_id = _build(engine, options)
        _tell(Phase(name="reading the layers"))
        client = connection.sdk(engine, timeout=request.deadline)
        try:
            inspected = client.api.inspect_image(image_id)
        except docker.errors.ImageNotFound:  # engines with containerd's image store know the manifest's digest only
            inspected = client.api.inspect_image(options.tags[0])
        config = ImageConfig.from_inspect(inspected)
        _keep_application(engine, client, options, config)
        contents = cache.contents_of(client, config, request.writable)
    except DockerException:
        _tell(Failed(reason="buildx ended with an error"))  # what went wrong is in the lines already sent
        return 1
    except (docker.errors.DockerException, UnreadableArchive, OSError, Problem) as error:
        _tell(Failed(reason=printable(f"reading the built image: {error}")))
        return 1
    built = Built(
        image_id=config.image_id,
        identity=config.identity,
        layers=list(config.layers),
        unpacked_bytes=contents.unpacked_bytes,
        added_bytes=contents.added_bytes(request.base_layers),
    )
    _tell(built)
    return 0


def _build(engine: connection.Engine, options: Options) -> str:
    with tempfile.TemporaryDirectory() as directory:
        metadata = Path(directory) / "metadata.json"
        for line in _buildx(engine, options, metadata):
            _tell(Line(text=line))
        return str(json.loads(metadata.read_text(encoding="utf-8"))["containerimage.config.digest"])


def _buildx(engine: connection.Engine, options: Options, metadata: Path | None = None) -> Iterator[str]:
    progress: Any = "rawjson"  # passed through to buildx; the library's type names only what it knew itself
    more: dict[str, Any] = {"metadata_file": metadata} if metadata else {}
    lines: Any = connection.whales(engine).buildx.build(
        **options.given, **more, load=True, provenance=False, progress=progress, stream_logs=True
    )
    yield from lines


def _keep_application(
    engine: connection.Engine, client: docker.DockerClient, options: Options, config: ImageConfig
) -> None:
    """Cache the application's layer from an image that holds nothing else, where no other layer is new.

    An engine exports an image whole: a gigabyte takes some seconds. Layers are cached by the digest of their contents,
    so any image that has the layer will do. If anything fails here, the export of the whole image takes its place.
    """
    application = list(config.layers[-1:])
    if cache.unknown(config) == application:
        with cache.turn(application[0]):
            if cache.unknown(config) == application:  # still: no other build has cached it meanwhile
                _keep_alone(engine, client, options.application_alone())


def _keep_alone(engine: connection.Engine, client: docker.DockerClient, alone: Options) -> None:
    refusals = (DockerException, docker.errors.DockerException, UnreadableArchive, OSError)
    with contextlib.suppress(*refusals):
        for _ in _buildx(engine, alone):
            pass
        try:
            cache.keep_layers(client, alone.tags[0])
        finally:
            client.api.remove_image(alone.tags[0])
