"""The builder's cache records: those that a measurement made go again, and no others."""

import contextlib
import re
import subprocess
from collections.abc import Iterator

from bench.workplace import Workplace

SECONDS = 600.0


@contextlib.contextmanager
def removed_again(place: Workplace, mark: str) -> Iterator[None]:
    """Remove at the end the cache records with the mark in their description, and all that rest on them."""
    try:
        yield
    finally:
        found = marked(_buildx(place, "du", "--verbose"), mark)
        if found:
            _buildx(place, "prune", "--force", "--all", f"--filter=id=^({'|'.join(found)})$")


def marked(listing: str, mark: str) -> list[str]:
    """Return the ids of the marked records, and of those that rest on them, of a listing by ``docker buildx du``."""
    pairs = [dict(re.findall(r"(?m)^(\w[\w ]*):\s+(.*)$", text)) for text in listing.split("\n\n")]
    records: list[dict[str, str]] = [record for record in pairs if "ID" in record]
    found = {record["ID"] for record in records if mark in record.get("Description", "")}
    while True:
        above = {record["ID"] for record in records if found & _below(record)}
        if above <= found:
            return sorted(found)
        found |= above


def _below(record: dict[str, str]) -> set[str]:
    return set(re.split(r"[,\s]+", record.get("Parent") or record.get("Parents") or ""))


def _buildx(place: Workplace, *words: str) -> str:
    command = place.docker("buildx", *words)
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
