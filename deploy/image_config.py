"""What is read of an image's configuration, and the identity that ties a build to what is verified."""

import hashlib
import json
from typing import Any

# What of an image's configuration decides its behaviour; labels and history do not.
BEHAVIOUR = (
    "Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Healthcheck", "ExposedPorts", "Shell", "StopSignal", "Volumes",
)  # fmt: skip


def identity(inspected: dict[str, Any]) -> str:
    """Return the digest over an image's layers and the configuration that decides its behaviour.

    The same on every engine, because it is made from the image specification's own values (OCI: ``rootfs.diff_ids``
    and ``config``), not from the engine's image id. ``inspected`` is the engine's answer about the image.
    """
    config = inspected.get("Config") or {}
    behaviour = {key: config.get(key) or None for key in BEHAVIOUR}
    document = {"layers": diff_ids(inspected), "config": behaviour}
    return "sha256:" + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def diff_ids(inspected: dict[str, Any]) -> list[str]:
    """Return the digests of the image's unpacked layers, the lowest first."""
    return list((inspected.get("RootFS") or {}).get("Layers") or [])
