"""A checkout gives the same layers on engines that store images in different ways.

A small project stands in for ours; the Dockerfile and sync.sh are the real ones. test_containerd_store.py does the same
with the four images, which takes minutes.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from deploy.base.image import ensure_base
from deploy.base.pins import Pins, text_of
from deploy.build.host_settings import host_settings
from deploy.engine import connection, daemon
from deploy.engine.connection import Engine, find_engine
from deploy.image_config import ImageConfig
from deploy.uv_lock import locked_version
from tests.integration.conftest import Ended, base_image, execute
from tests.resilience.conftest import carry
from tests.resilience.second import CAN_START, WHY_NOT, second_engine
from tests.support.checkout import PROJECT, ROOT, read_contract

pytestmark = pytest.mark.skipif(not CAN_START, reason=WHY_NOT)
DOCKERFILE = ROOT / read_contract().images["worker-cpu"].dockerfile
PYPROJECT = """
[project]
name = "small"
version = "1"
requires-python = "==3.11.*"
optional-dependencies = { ml = ["torch==1.0"] }
[tool.uv]
package = false
"""
METADATA = {
    "METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "torch/__init__.py,,\ntorch-1.0.dist-info/METADATA,,\ntorch-1.0.dist-info/WHEEL,,\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a lock, and its torch in a directory of wheels."""
    checkout = tmp_path / "checkout"
    scripts = checkout / "deploy" / "docker"
    scripts.mkdir(parents=True)
    for name in ("sync.sh", "left-out.toml"):
        (scripts / name).write_bytes((DOCKERFILE.parent / name).read_bytes())
    (checkout / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    torch = wheels(checkout) / "torch-1.0-py3-none-any.whl"
    with zipfile.ZipFile(torch, "w") as wheel:
        wheel.writestr("torch/__init__.py", "version = 1\n")
        for name, text in METADATA.items():
            wheel.writestr(f"torch-1.0.dist-info/{name}", text)
    pins = Pins(images={}, wheels={torch.name: hashlib.sha256(torch.read_bytes()).hexdigest()})
    (scripts / "pins.toml").write_text(text_of(pins), encoding="utf-8")
    locking = (uv.find_uv_bin(), "lock", "--offline", "--no-index", "--find-links", str(wheels(checkout)))
    subprocess.run(locking, cwd=checkout, check=True, capture_output=True, timeout=60)
    (checkout / "Dockerfile").write_text(without_application(DOCKERFILE.read_text(encoding="utf-8")), encoding="utf-8")
    return checkout


def wheels(checkout: Path) -> Path:
    folder = checkout.with_name("wheels")
    folder.mkdir(exist_ok=True)
    return folder


def without_application(text: str) -> str:
    """The Dockerfile up to torch's layer, without the stage that installs ktrdr; with no cache but the build's own."""
    text = re.sub(r"FROM \S+ AS install\n.*?\n\n", "", text, flags=re.DOTALL)
    text, _, rest = text.partition("\nWORKDIR ")
    assert "COPY --from=install" in rest
    return re.sub(r"--mount=type=cache\S+ \\\n +", "", text)


def tried(engine: Engine, checkout: Path, base: str, name: str) -> Ended:
    """Build the project on an engine."""
    now = time.time()
    for wheel in wheels(checkout).iterdir():
        os.utime(wheel, (now, now))  # as it is when it was downloaded on that machine
    contexts = {
        "uv": host_settings(locked_version("torch", PROJECT.lock), PROJECT.cache).contexts["uv"],
        "torch-wheels": str(wheels(checkout)),
    }
    command = [*engine.command(), "buildx", "build", "--no-cache", "--network=none", "--provenance=false", "--load"]
    command += [f"--build-context={context}={place}" for context, place in contexts.items()]
    return execute(*command, f"--build-arg=PYTHON_IMAGE={base}", "--tag", name, ".", cwd=checkout)


def build(engine: Engine, checkout: Path, base: str) -> ImageConfig:
    """Build the project on an engine and remove the image."""
    name = f"ktrdr-try-{uuid.uuid4().hex[:8]}:1"
    ended = tried(engine, checkout, base, name)
    assert ended.code == 0, ended
    with contextlib.closing(connection.sdk(engine)) as client:
        try:
            return ImageConfig.from_inspect(client.api.inspect_image(name))
        finally:
            client.images.remove(name)


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """The machine's own engine and one that stores images in the other way."""
    own = find_engine()
    with second_engine(tmp_path / "engine", containerd_store=own.storage_driver == "overlay2") as place:
        daemon.start(place, print)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"unix://{place.socket}")
            other = find_engine()
        assert own.storage_driver != other.storage_driver
        yield own, other


def test_either_store_gets_the_same_layers(engines: tuple[Engine, Engine], project: Path) -> None:
    own, other = engines
    base = base_image(own)
    carry(own, other, base)
    images = [build(engine, project, base) for engine in (own, other, own)]
    assert len(images[0].layers) == 4, "the base image's, the user's, the core's and torch's"
    assert json.dumps(images[0].layers) == json.dumps(images[1].layers)
    assert images[0].layers == images[2].layers, "another build on the same engine"


def test_a_torch_wheel_that_is_not_the_pinned_one_ends_the_build_and_both_are_named(project: Path) -> None:
    pins = project / "deploy/docker/pins.toml"
    pinned = pins.read_text(encoding="utf-8")
    digest = re.search(r'whl" = "(\w+)"', pinned)
    assert digest is not None
    own, base = (
        find_engine(),
        ensure_base(find_engine(), "3.11", None, PROJECT.pins, print, platform=PROJECT.contract.platform).reference,
    )
    for text, due in ((pinned.replace(digest[1], "0" * 64), "0" * 64), (text_of(Pins(images={}, wheels={})), "none")):
        pins.write_text(text, encoding="utf-8")
        ended = tried(own, project, base, f"ktrdr-try-{uuid.uuid4().hex[:8]}:1")
        assert ended.code != 0
        assert f"has the SHA-256 {digest[1]}; deploy/docker/pins.toml has {due}" in ended.printed
