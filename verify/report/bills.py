"""Bills of materials, each made once for an image and a lock and then cached, since making one takes seconds."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from deploy.artifacts import write_text
from deploy.contract import Image
from verify.contents.model import Contents


def bill_of(
    image: Image,
    contents: Contents,
    locked: Mapping[str, str],
    requirers: Mapping[str, list[str]],
    wheels: Mapping[str, Mapping[str, str]],
    *,
    cache: Path,
) -> str:
    """Return an image's bill of materials, from ``cache``, a directory, where all that it is made of is the same."""
    layers = [layer.model_copy(update={"way": "export"}) for layer in contents.layers]
    facts = contents.model_copy(update={"layers": layers})  # however they were read
    files = {name: dict(some) for name, some in wheels.items()}
    made_of = [image.name, facts.model_dump_json(), dict(locked), dict(requirers), files, _maker()]
    path = cache / f"{hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8")
    from verify.report import sbom  # noqa: PLC0415 - its library takes half a second to load

    text = sbom.bill(image.name, contents, locked, requirers, wheels)
    with contextlib.suppress(OSError):  # it is made again where it cannot be kept
        write_text(path, text)
    return text


@functools.cache
def _maker() -> str:
    return (Path(__file__).parent / "sbom.py").read_text(encoding="utf-8")
