"""One image in a registry, and what refers to it: the OCI distribution specification 1.1, as far as it is needed.

If a registry does not know referrers, they go into an index under a tag made of the image's digest, as the
specification says.

Why not oras (0.2.43): it does not check OCI-Subject in a registry's answer, and knows no tag for referrers.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests

from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.publish.reference import Reference
from deploy.publish.statements import sha256
from deploy.publish.wire import Answer, Deadlines, Wire

MANIFEST, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
KNOWN = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json", *INDEXES)
EMPTY = "application/vnd.oci.empty.v1+json"
NOTHING = b"{}"  # the configuration of an artifact that is not an image
MOST_REFERRERS = 100  # of one kind, that are read of one image
MOST_PAGES = 100  # of a list of referrers
LOOKING = "looking at the image in its registry"
ABSENT = (requests.codes.not_found, requests.codes.method_not_allowed)

Descriptor = dict[str, Any]


def descriptor(kind: str, data: bytes, **more: Any) -> Descriptor:
    """Return how a manifest names these bytes."""
    return {"mediaType": kind, "digest": sha256(data), "size": len(data), **more}


@dataclass(frozen=True)
class Manifest:
    """A manifest as a registry gives it, to the byte."""

    kind: str
    data: bytes

    @property
    def digest(self) -> str:
        """Its digest, by which it is found again."""
        return sha256(self.data)

    @property
    def document(self) -> Any:
        """What it says; raises ValueError."""
        return json.loads(self.data)


@dataclass(frozen=True)
class Artifact:
    """One file beside an image: an artifact of one layer (OCI image specification 1.1, artifact usage)."""

    kind: str  # of the artifact
    data: bytes
    title: str = ""
    media_type: str = ""  # of the file, where it is another
    annotations: Mapping[str, str] = field(default_factory=dict)

    def manifest(self, subject: Descriptor) -> dict[str, Any]:
        """Return the artifact's manifest. It has no time, so the same file and image give the same manifest."""
        named = {"annotations": {"org.opencontainers.image.title": self.title}} if self.title else {}
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": self.kind,
            "config": descriptor(EMPTY, NOTHING),
            "layers": [descriptor(self.media_type or self.kind, self.data, **named)],
            "subject": subject,
        }
        return document | ({"annotations": dict(self.annotations)} if self.annotations else {})


class Repository:
    """An image's repository; every refusal is a Problem (exit 3)."""

    def __init__(
        self,
        reference: Reference,
        *,
        plain_http: bool = False,
        environ: Mapping[str, str] = os.environ,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.reference = reference
        self.wire = Wire(reference, environ, plain_http=plain_http, deadlines=deadlines)

    def ready(self) -> None:
        """Try whether the registry takes what is sent: the empty configuration, which every artifact needs.

        It is sent even if it is there, so that a registry that is read-only or full refuses here.
        """
        self._upload(NOTHING)

    def image(self, wanted: str, version: str = "") -> Manifest:
        """Return the manifest of the image, which must have this identity.

        Raises:
            Problem: another image lies there (exit 1), or its manifest cannot be read (exit 3).

        """
        there = {config.identity: found for config, found in self._images(version or self.reference.version)}
        if wanted not in there:
            seen = ", ".join(there) or "no image"
            next_step = "verify the image that was pushed, or push the one that was verified"
            raise Problem(LOOKING, f"expected {wanted}, there is {seen}", next_step, Exit.FAILED)
        return there[wanted]

    def only_image(self) -> tuple[ImageConfig, Manifest]:
        """Return configuration and manifest of the one image that the reference names.

        Raises:
            Problem: it names none, or several (exit 1), or a manifest cannot be read (exit 3).

        """
        there = list(self._images(self.reference.version))
        if len(there) != 1:
            name = self.reference.at(self.reference.version)
            raise Problem(LOOKING, f"{name} names {len(there)} images", "name one by its digest", Exit.FAILED)
        return there[0]

    def tag(self, version: str, manifest: Manifest) -> None:
        """Let a tag name this manifest."""
        self.wire.ask("PUT", f"manifests/{version}", data=manifest.data, headers={"Content-Type": manifest.kind})

    def attach(self, artifact: Artifact, subject: Manifest) -> str:
        """Put a file beside an image; returns the digest of the artifact's manifest."""
        for data in (artifact.data, NOTHING):
            self.put(data)
        return self.refer(artifact.manifest({**descriptor(subject.kind, subject.data)}))

    def put(self, data: bytes) -> None:
        """Send the registry these bytes, unless it has them."""
        if not self.wire.ask("HEAD", f"blobs/{sha256(data)}", allowed=ABSENT[:1]).ok:
            self._upload(data)

    def blob(self, digest: str) -> bytes:
        """Return the bytes of this digest."""
        data = self.wire.ask("GET", f"blobs/{digest}").data
        if sha256(data) != digest:
            raise self.wire.refused(f"what it gives for {digest} has another digest: {sha256(data)}")
        return data

    def refer(self, manifest: Descriptor) -> str:
        """Send the registry a manifest that names its ``subject``; returns the manifest's digest."""
        data = json.dumps(manifest).encode()
        told = self.wire.ask("PUT", f"manifests/{sha256(data)}", data=data, headers={"Content-Type": MANIFEST})
        if "OCI-Subject" not in told.headers:
            also = {"annotations": manifest["annotations"]} if "annotations" in manifest else {}
            entry = descriptor(MANIFEST, data, artifactType=manifest["artifactType"], **also)
            self._list(entry, manifest["subject"]["digest"])
        return sha256(data)

    def referrers(self, subject: str, kind: str) -> Iterator[tuple[str, Artifact]]:
        """Yield the artifacts of this kind that name an image as their subject, each with its manifest's digest.

        Of more than MOST_REFERRERS the last are read: what is attached is added at the end of a list.

        Raises:
            Problem: the list, a manifest or a file cannot be read (exit 3).

        """
        listed = [one for one in self._referring(subject) if isinstance(one, dict) and one.get("artifactType") == kind]
        for entry in listed[-MOST_REFERRERS:]:
            try:
                manifest = self._manifest(entry["digest"])
                document = manifest.document
                if document["subject"]["digest"] != subject:
                    continue
                (layer,) = document["layers"]
                yield manifest.digest, Artifact(kind, self.blob(layer["digest"]), media_type=layer["mediaType"])
            except (ValueError, LookupError, TypeError) as error:
                raise self.wire.refused(f"an artifact of {subject} cannot be read: {error!r}") from None

    def _referring(self, subject: str) -> list[Any]:
        """Return what refers to an image: as the registry lists it, else from the tag that stands for that."""
        listed = self.wire.ask("GET", f"referrers/{subject}", allowed=ABSENT, headers={"Accept": INDEX})
        if listed.ok and listed.headers.get("Content-Type", "").startswith(INDEX):
            return list(self._pages(listed, subject))
        tag = f"manifests/{subject.replace(':', '-')}"
        before = self.wire.ask("GET", tag, allowed=ABSENT[:1], headers={"Accept": INDEX})
        return self._entries(before.data, tag) if before.ok else []

    def _pages(self, listed: Answer, subject: str) -> Iterator[Any]:
        """Yield what a registry lists, page by page: its `Link` header names the next one."""
        for _ in range(MOST_PAGES):
            yield from self._entries(listed.data, "the list of referrers")
            links = requests.utils.parse_header_links(listed.headers.get("Link", ""))
            following = next((one["url"] for one in links if one.get("rel") == "next"), "")
            if not following:
                return
            listed = self.wire.ask("GET", urljoin(listed.url, following), headers={"Accept": INDEX})
        raise self.wire.refused(f"it lists what refers to {subject} on more than {MOST_PAGES} pages")

    def _entries(self, data: bytes, what: str) -> list[Any]:
        try:
            return list(json.loads(data)["manifests"])
        except (ValueError, LookupError, TypeError) as error:
            raise self.wire.refused(f"{what} is not an index: {error or type(error).__name__}") from None

    def _list(self, referrer: Descriptor, subject: str) -> None:
        """Add a manifest to those that refer to an image, in a registry that does not list them by itself."""
        tag = f"manifests/{subject.replace(':', '-')}"
        before = self.wire.ask("GET", tag, allowed=ABSENT[:1], headers={"Accept": INDEX})
        listed = self._entries(before.data, tag) if before.ok else []
        if referrer not in listed:
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, referrer]}
            self.wire.ask("PUT", tag, data=json.dumps(index).encode(), headers={"Content-Type": INDEX})

    def _upload(self, data: bytes) -> None:
        begun = self.wire.ask("POST", "blobs/uploads/")
        place = urljoin(begun.url, begun.headers.get("Location", ""))
        kind = {"Content-Type": "application/octet-stream"}
        self.wire.ask("PUT", place, params={"digest": sha256(data)}, data=data, headers=kind)

    def _images(self, version: str) -> Iterator[tuple[ImageConfig, Manifest]]:
        """Yield each image of this tag or digest; a manifest may be of none, as an attestation's."""
        try:
            found = self._manifest(version)
            listed = found.document["manifests"] if found.kind in INDEXES else None
            for manifest in [found] if listed is None else [self._manifest(entry["digest"]) for entry in listed]:
                if config := self._config(manifest.document):
                    yield config, manifest
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self.wire.refused(f"its manifest cannot be read: {error or type(error).__name__}") from None

    def _manifest(self, version: str) -> Manifest:
        answer = self.wire.ask("GET", f"manifests/{version}", headers={"Accept": ", ".join(KNOWN)})
        found = Manifest(answer.headers.get("Content-Type", ""), answer.data)
        if version.startswith("sha256:") and found.digest != version:
            raise self.wire.refused(f"what it gives for {version} has another digest: {found.digest}")
        if found.kind not in KNOWN:
            raise self.wire.refused(f"{version} is no image but {found.kind or 'nothing that it names'}")
        return found

    def _config(self, document: dict[str, Any]) -> ImageConfig | None:
        """Return the configuration of a manifest's image; None where it has none."""
        digest = document["config"]["digest"]
        return ImageConfig.from_registry(digest, json.loads(self.blob(digest)))
