"""A real engine pushes to a real registry, and the bill of materials lies beside the image, which stays as it was."""

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bench.registry import Registry, registry
from deploy.artifacts import BILL
from deploy.errors import Exit, Problem
from deploy.publish.attach import KIND
from deploy.publish.registry import INDEX, KNOWN, digest_of
from tests.integration.conftest import Ended, Images, execute

ROLE = "backend"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Debian's registry, for as long as this module's tests run."""
    try:
        with registry(tmp_path_factory.mktemp("registry")) as one:
            yield one
    except Problem as problem:
        pytest.skip(f"no registry here: {problem}")


@pytest.fixture(scope="module")
def pushed(images: Images, held: Registry) -> str:
    """Where the image lies that was pushed."""
    if not images.engine.endpoint.startswith("unix://"):
        pytest.skip("the engine is on another machine and does not see this one's registry")
    name = f"{held.address}/ktrdr/{ROLE}"
    images.client.images.get(images.id_of(ROLE)).tag(name, "1")
    try:
        told = list(images.client.images.push(name, "1", stream=True, decode=True))
    finally:
        images.client.images.remove(f"{name}:1")
    assert not [one for one in told if "error" in one], told
    return f"{name}:1"


def attach(images: Images, role: str, image: str) -> Ended:
    to = ["--artifacts", str(images.artifacts.root)]
    return execute(sys.executable, "-m", "deploy", "attach", role, image, *to)


def ask(held: Registry, path: str, *kinds: str) -> bytes:
    url = f"http://{held.address}/v2/ktrdr/{ROLE}/{path}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, headers={"Accept": ", ".join(kinds)}), timeout=60) as answer:
        found: bytes = answer.read()
    return found


def test_the_bill_is_found_by_the_digest_of_the_image_that_was_pushed(
    images: Images, held: Registry, pushed: str
) -> None:
    before = ask(held, "manifests/1", *KNOWN)
    for _ in ("once", "and again"):
        assert (ended := attach(images, ROLE, pushed)).code == Exit.OK, ended
    assert ask(held, "manifests/1", *KNOWN) == before
    subject = digest_of(before)
    listed = json.loads(ask(held, f"manifests/{subject.replace(':', '-')}", INDEX))["manifests"]
    assert [one["artifactType"] for one in listed] == [KIND]
    manifest: dict[str, Any] = json.loads(ask(held, f"manifests/{listed[0]['digest']}", *KNOWN))
    assert manifest["subject"]["digest"] == subject
    bill = ask(held, f"blobs/{manifest['layers'][0]['digest']}")
    assert bill == images.artifacts.path(ROLE, BILL).read_bytes()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None


def test_the_bill_of_another_image_is_refused(images: Images, tmp_path: Path, pushed: str) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    bill = artifacts.path(ROLE, BILL)
    bill.write_text(bill.read_text(encoding="utf-8").replace(images.records[ROLE].identity, "sha256:other"))
    ended = execute(sys.executable, "-m", "deploy", "attach", ROLE, pushed, "--artifacts", str(artifacts.root))
    assert ended.code == Exit.FAILED, ended
    assert images.records[ROLE].identity in ended.printed
