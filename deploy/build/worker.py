"""One build in a process of its own (deploy.build.forkserver): a deadline or Ctrl-C ends it with all that it started.

Prints one JSON document a line: ``line`` (of the output of buildx), ``phase`` (what is being done), and last ``built``
or ``failed``.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from pydantic import TypeAdapter
from python_on_whales.exceptions import DockerException

from deploy.contract import ROLE_LABEL
from deploy.engine import connection
from deploy.errors import Problem
from deploy.image_config import ImageConfig
from verify.contents import cache
from verify.contents.raw_layer import UnreadableArchive

APPLICATION = "application"  # the stage of every Dockerfile that is the application's layer alone


def _tell(**document: Any) -> None:
    print(json.dumps(document), flush=True)


def build(request: Mapping[str, Any]) -> int:
    """Build the requested image and read its layers; 0 when both went well."""
    where = TypeAdapter(connection.Engine).validate_json(request["engine"])
    try:
        image_id = _build(where, request["options"])
        _tell(phase="reading the layers")
        client = connection.sdk(where, timeout=request["deadline"])
        try:
            inspected = client.api.inspect_image(image_id)
        except docker.errors.ImageNotFound:  # engines with containerd's image store know the manifest's digest only
            inspected = client.api.inspect_image(request["options"]["tags"][0])
        config = ImageConfig.from_inspect(inspected)
        _keep_application(where, client, request["options"], config)
        contents = cache.contents_of(client, config, request["writable"])
    except DockerException:
        _tell(failed="buildx ended with an error")  # what went wrong is in the lines already sent
        return 1
    except (docker.errors.DockerException, UnreadableArchive, OSError, Problem) as error:
        _tell(failed=f"reading the built image: {error}")
        return 1
    base_layers = request["base_layers"]
    _tell(
        built={
            "image_id": config.image_id,
            "identity": config.identity,
            "layers": config.layers,
            "unpacked_bytes": contents.unpacked_bytes,
            "added_bytes": contents.added_bytes(base_layers),
        }
    )
    return 0


def _build(where: connection.Engine, options: dict[str, Any]) -> str:
    with tempfile.TemporaryDirectory() as directory:
        metadata = Path(directory) / "metadata.json"
        for line in _buildx(where, **options, metadata_file=metadata):
            _tell(line=line)
        return str(json.loads(metadata.read_text(encoding="utf-8"))["containerimage.config.digest"])


def _buildx(where: connection.Engine, **options: Any) -> Iterator[str]:
    progress: Any = "rawjson"  # passed through to buildx; the library's type names only what it knew itself
    lines: Any = connection.whales(where).buildx.build(
        **options, load=True, provenance=False, progress=progress, stream_logs=True
    )
    yield from lines


def _keep_application(
    where: connection.Engine, client: docker.DockerClient, options: dict[str, Any], config: ImageConfig
) -> None:
    """Keep the application's layer, where it alone is new, from an image that holds nothing else.

    An engine exports an image whole, a gigabyte in some seconds. Layers are kept by the digest of what was read, so it
    does not matter where one was, and images that share the layer have it read once; whatever goes wrong here, the
    export of the whole image stands in.
    """
    application = list(config.layers[-1:])
    if cache.unknown(config) == application:
        with cache.turn(application[0]):
            if cache.unknown(config) == application:  # still: nobody else kept it meanwhile
                _keep_alone(where, client, options)


def _keep_alone(where: connection.Engine, client: docker.DockerClient, options: dict[str, Any]) -> None:
    alone = {name: value for name, value in options.items() if name not in ("cache_from", "cache_to")}
    alone |= {"target": APPLICATION, "tags": [f"{options['tags'][0]}-{APPLICATION}"]}
    alone["labels"] = {ROLE_LABEL: APPLICATION}  # by which `clean` knows one that a killed build left
    refusals = (DockerException, docker.errors.DockerException, UnreadableArchive, OSError)
    with contextlib.suppress(*refusals):
        for _ in _buildx(where, **alone):
            pass
        try:
            cache.keep_layers(client, alone["tags"][0])
        finally:
            client.api.remove_image(alone["tags"][0])
