"""``python -m deploy attach ROLE IMAGE``: puts an image's bill of materials beside the image in its registry.

The bill is an artifact that names the image as its subject (OCI image specification 1.1, guidelines for artifact
usage). Anyone who has the image's digest finds the bill, and the image stays the same to the byte.
"""

import json
from pathlib import Path
from typing import Any

from deploy.artifacts import BILL, IDENTITY, Artifacts
from deploy.errors import Exit, Problem
from deploy.publish.registry import EMPTY, MANIFEST, Reference, Repository, descriptor

KIND = "application/vnd.cyclonedx+json"
NOTHING = b"{}"  # the configuration of an artifact that is not an image
READING = "reading the bill of materials"


def attach(role: str, image: str, artifacts: Artifacts, *, plain_http: bool = False) -> Exit:
    """Put a role's bill of materials beside its image in the registry.

    Raises:
        Problem: there is no bill (exit 3) or it cannot be read (exit 2); another image lies there (exit 1); or the
            registry refuses (exit 3).

    """
    bill, identity = _bill(artifacts.path(role, BILL), role)
    repository = Repository(Reference.read(image), plain_http=plain_http)
    subject = repository.image(identity)
    for data in (bill, NOTHING):
        repository.put(data)
    digest = repository.refer(manifest(bill, subject))
    print(f"{role}: {digest} names {subject['digest']} as its subject, in {repository.reference.name}")
    return Exit.OK


def manifest(bill: bytes, subject: dict[str, Any]) -> dict[str, Any]:
    """Return the artifact's manifest. It has no time, so the same bill and image give the same manifest."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": KIND,
        "config": descriptor(EMPTY, NOTHING),
        "layers": [descriptor(KIND, bill, annotations={"org.opencontainers.image.title": BILL})],
        "subject": subject,
    }


def _bill(path: Path, role: str) -> tuple[bytes, str]:
    """Return the bill and the identity of its image."""
    next_step = f"./noxw -s build verify -- {role} writes it"
    try:
        data = path.read_bytes()
        properties = json.loads(data)["metadata"]["properties"]
        return data, next(str(entry["value"]) for entry in properties if entry["name"] == IDENTITY)
    except FileNotFoundError:
        raise Problem(READING, f"there is no {path}", next_step) from None
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        raise Problem(READING, f"{path}: {error or type(error).__name__}", next_step, Exit.USAGE) from None
