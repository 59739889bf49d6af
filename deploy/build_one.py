"""One build in a process of its own, so that a deadline or Ctrl-C ends it with everything that it started.

Reads a request (one line of JSON) from standard input, which then stays open for as long as the build is wanted: when
it closes, however the parent ended, the whole process group goes. Writes one JSON document a line: ``line`` (of the
output of buildx), ``phase`` (what is being done), and last ``built`` or ``failed``.
"""

import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import docker
from pydantic import TypeAdapter
from python_on_whales.exceptions import DockerException

from deploy import engine, kept
from deploy.errors import Problem
from deploy.layers import UnreadableArchive
from deploy.record import diff_ids, identity


def _tell(**document: Any) -> None:
    print(json.dumps(document), flush=True)


def _end_with_parent() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Build the requested image and read its layers; 0 when both went well."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    where = TypeAdapter(engine.Engine).validate_json(request["engine"])
    try:
        image_id = _build(where, request["options"])
        _tell(phase="reading the layers")
        client = engine.sdk(where, timeout=request["deadline"])
        try:
            inspected = client.api.inspect_image(image_id)
        except docker.errors.ImageNotFound:  # engines with containerd's image store know the manifest's digest only
            inspected = client.api.inspect_image(request["options"]["tags"][0])
        contents = kept.contents_of(client, inspected)
    except DockerException:
        _tell(failed="buildx ended with an error")  # what went wrong is in the lines already sent
        return 1
    except (docker.errors.DockerException, UnreadableArchive, OSError, Problem) as error:
        _tell(failed=f"reading the built image: {error}")
        return 1
    base_layers = request["base_layers"]
    _tell(
        built={
            "image_id": inspected["Id"],
            "identity": identity(inspected),
            "layers": diff_ids(inspected),
            "unpacked_bytes": contents.unpacked_bytes,
            "added_bytes": contents.added_bytes(base_layers),
        }
    )
    return 0


def _build(where: engine.Engine, options: dict[str, Any]) -> str:
    with tempfile.TemporaryDirectory() as directory:
        metadata = Path(directory) / "metadata.json"
        progress: Any = "rawjson"  # passed through to buildx; the library's type names only what it knew itself
        lines: Any = engine.whales(where).buildx.build(
            **options, load=True, provenance=False, metadata_file=metadata, progress=progress, stream_logs=True
        )
        for line in lines:
            _tell(line=line)
        return str(json.loads(metadata.read_text(encoding="utf-8"))["containerimage.config.digest"])


if __name__ == "__main__":
    sys.exit(main())
