"""A checkout gives the same layers on engines that store images in different ways.

A small project stands in for ours; the Dockerfile and sync.sh are the real ones. test_containerd_store.py does the same
with the four images, which takes minutes.
"""

import contextlib
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
from deploy.build.host_settings import host_settings
from deploy.contract import ROOT, read_contract
from deploy.engine import connection, daemon
from deploy.engine.connection import Engine, find_engine
from deploy.image_config import ImageConfig
from deploy.uv_lock import locked_version
from tests.integration.conftest import execute
from tests.resilience.conftest import carry
from tests.resilience.second import CAN_START, WHY_NOT, second_engine

pytestmark = pytest.mark.skipif(not CAN_START, reason=WHY_NOT)
DOCKERFILE = ROOT / read_contract().images["worker-cpu"].dockerfile
PROJECT = """
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
    (checkout / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    with zipfile.ZipFile(wheels(checkout) / "torch-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch/__init__.py", "version = 1\n")
        for name, text in METADATA.items():
            wheel.writestr(f"torch-1.0.dist-info/{name}", text)
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


def build(engine: Engine, checkout: Path, base: str) -> ImageConfig:
    """Build the project on an engine and remove the image."""
    now = time.time()
    for wheel in wheels(checkout).iterdir():
        os.utime(wheel, (now, now))  # as it is when it was downloaded on that machine
    contexts = {"uv": host_settings(locked_version("torch")).contexts["uv"], "torch-wheels": str(wheels(checkout))}
    name = f"ktrdr-try-{uuid.uuid4().hex[:8]}:1"
    command = [*engine.command(), "buildx", "build", "--no-cache", "--network=none", "--provenance=false", "--load"]
    command += [f"--build-context={context}={place}" for context, place in contexts.items()]
    ended = execute(*command, f"--build-arg=PYTHON_IMAGE={base}", "--tag", name, ".", cwd=checkout)
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
    base = ensure_base(own, read_contract().python, os.environ.get("PYTHON_IMAGE"), print).reference
    carry(own, other, base)
    images = [build(engine, project, base) for engine in (own, other, own)]
    assert len(images[0].layers) == 4, "the base image's, the user's, the core's and torch's"
    assert json.dumps(images[0].layers) == json.dumps(images[1].layers)
    assert images[0].layers == images[2].layers, "another build on the same engine"
