"""Reads a published image back from its registry: its digest, its identity, and what lies beside it."""

from deploy.publish.examined import Envelope, Published
from deploy.publish.registry import Repository
from deploy.publish.statements import IN_TOTO, sha256

BILL_KIND = "application/vnd.cyclonedx+json"
RECORD_KIND = "application/vnd.ktrdr.build+json"


def read(repository: Repository) -> Published:
    """Return what a registry holds of one image.

    Raises:
        Problem: the name is of no image or of several (exit 1), or the registry refuses (exit 3).

    """
    config, manifest = repository.only_image()
    digest = manifest.digest
    envelopes = (Envelope(found.media_type, found.data) for _, found in repository.referrers(digest, IN_TOTO))
    files = {
        sha256(found.data): found.data
        for kind in (BILL_KIND, RECORD_KIND)
        for _, found in repository.referrers(digest, kind)
    }
    return Published(
        repository.reference.repository, digest, config.identity, tuple(envelopes), files, config.healthcheck
    )
