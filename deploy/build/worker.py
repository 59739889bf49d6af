"""One build in a process of its own (deploy.build.forkserver): a deadline or Ctrl-C ends it with all its children.

Prints one message (deploy.build.messages) a line; the last one is ``Built`` or ``Failed``.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import docker
from python_on_whales.exceptions import DockerException

from deploy.build.messages import BuildRequest, Built, Failed, Line, Options, printable
from deploy.engine import connection
from deploy.errors import Problem
from deploy.image_config import ImageConfig


def _tell(message: Line | Built | Failed) -> None:
    print(message.model_dump_json(), flush=True)


def build(request: BuildRequest) -> int:
    """Build the requested image; 0 when that went well."""
    engine, options = request.engine, request.options
    try:
        image_id = _build(engine, options)
        client = connection.sdk(engine)
        try:
            inspected = client.api.inspect_image(image_id)
        except docker.errors.ImageNotFound:  # engines with containerd's image store know the manifest's digest only
            inspected = client.api.inspect_image(options.tags[0])
    except DockerException:
        _tell(Failed(reason="buildx ended with an error"))  # what went wrong is in the lines already sent
        return 1
    except (docker.errors.DockerException, OSError, Problem) as error:
        _tell(Failed(reason=printable(f"looking at the built image: {error}")))
        return 1
    config = ImageConfig.from_inspect(inspected)
    _tell(Built(image_id=config.image_id, identity=config.identity, layers=list(config.layers)))
    return 0


def _build(engine: connection.Engine, options: Options) -> str:
    progress: Any = "rawjson"  # passed through to buildx; the library's type names only what it knew itself
    with tempfile.TemporaryDirectory() as directory:
        metadata = Path(directory) / "metadata.json"
        lines: Any = connection.whales(engine).buildx.build(
            **options.given,
            metadata_file=metadata,
            load=True,
            provenance=False,
            progress=progress,
            stream_logs=True,
        )
        for line in lines:
            _tell(Line(text=line))
        return str(json.loads(metadata.read_text(encoding="utf-8"))["containerimage.config.digest"])
