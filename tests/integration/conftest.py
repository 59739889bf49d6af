"""The four images, built and verified once a session by the command lines, and checkouts to build wrong ones from."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest

from bench.copies import copy_tree
from deploy.artifacts import BUILD, CONTENTS, VERDICT, Artifacts
from deploy.base.image import ensure_base
from deploy.build_record import BuildRecord
from deploy.contract import Contract
from deploy.engine import connection as engines
from deploy.engine.connection import Engine, find_engine
from deploy.engine.labelled import RUN_PID, LabelledResource, find
from deploy.errors import Problem
from tests.support.checkout import PROJECT, ROOT, read_contract
from verify.contents.model import Contents
from verify.judge.verdict import Finding, Verdict

BUILD_SECONDS = 2400.0
SECONDS = 600.0
GPU_IMAGE_NEEDS = 15e9  # bytes free on the engine's disk: its layers, the build's cache, the engine's copy


@dataclass(frozen=True)
class Ended:
    """What a command came to. ``printed`` is standard output and error, as a person sees them."""

    command: list[str]
    code: int
    printed: str
    pid: int

    def __str__(self) -> str:
        return f"{' '.join(self.command)} ended with {self.code}:\n{self.printed[-6000:]}"


def execute(
    *command: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    given: bytes | None = None,
) -> Ended:
    """Run a command to its end; past the deadline it is killed, and the test fails."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        printed, _ = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
        shown = printed.decode("utf-8", "replace")[-6000:]
        pytest.fail(f"{' '.join(command)} did not end within {seconds:.0f} s:\n{shown}", pytrace=False)
    return Ended(list(command), process.returncode, printed.decode("utf-8", "replace"), process.pid)


def findings(artifacts: Artifacts, role: str) -> dict[str, Finding]:
    """Return the findings of a role's verdict, by check."""
    return {one.check: one for one in artifacts.read(role, VERDICT, Verdict).findings}


@dataclass(frozen=True)
class Checkout:
    """A copy of the working tree, with images and artifacts of its own: what is spoilt here spoils nothing else."""

    directory: Path
    prefix: str

    @property
    def artifacts(self) -> Artifacts:
        return Artifacts(self.directory / "artifacts")

    def name(self, role: str) -> str:
        """Return the name of a role's image."""
        return read_contract().images[role].name.replace("ktrdr-", self.prefix, 1)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace a text that a file holds once."""
        file = self.directory / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def build(self, *roles: str, env: Mapping[str, str] | None = None) -> Ended:
        return execute(sys.executable, "-m", "deploy", "build", *roles, cwd=self.directory, env=env)

    def verify(self, *roles: str) -> Ended:
        return execute(sys.executable, "-m", "verify", *roles, cwd=self.directory)

    def findings(self, role: str) -> dict[str, Finding]:
        """Return the findings of a role's verdict, by check."""
        return findings(self.artifacts, role)


@dataclass
class Images:
    """The images of this checkout: how they were built and verified, and what came of it."""

    engine: Engine
    client: docker.DockerClient
    contract: Contract
    artifacts: Artifacts
    skipped: dict[str, str]  # role -> why it was not built
    built: Ended
    verified: Ended
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    records: dict[str, BuildRecord] = field(default_factory=dict)

    @property
    def roles(self) -> list[str]:
        """The roles that were built."""
        return [role for role in self.contract.roles if role not in self.skipped]

    def need(self, role: str) -> None:
        """Skip the test where a role's image could not be built on this host."""
        if role in self.skipped:
            pytest.skip(self.skipped[role])

    def finding(self, role: str, check: str) -> Finding:
        """Return what a check found of a role's image."""
        return next(one for one in self.verdicts[role].findings if one.check == check)

    def contents(self, role: str) -> Contents:
        """Return what the layers of a role's image hold, as `verify` read it."""
        return self.artifacts.read(role, CONTENTS, Contents)

    def id_of(self, role: str) -> str:
        """Return the image that a role's tag points to."""
        return str(self.client.api.inspect_image(self.contract.images[role].name)["Id"])

    def copy_artifacts(self, directory: Path) -> Artifacts:
        """Return a copy of the artifacts, for a test that writes some."""
        return Artifacts(Path(shutil.copytree(self.artifacts.root, directory / "artifacts")))

    @staticmethod
    def verify(*words: str, artifacts: Artifacts, env: Mapping[str, str] | None = None) -> Ended:
        """Verify again, with other artifacts."""
        return execute(sys.executable, "-m", "verify", *words, "--artifacts", str(artifacts.root), env=env)

    def left_by(self, pid: int) -> list[LabelledResource]:
        """Return what a process left on the engine: containers, networks and volumes with its label."""
        return find(self.client, {RUN_PID: str(pid)})


def base_image(engine: Engine) -> str:
    """Return the base image of this checkout's images, which is on the engine then."""
    named, platform = os.environ.get("PYTHON_IMAGE"), PROJECT.contract.platform
    return ensure_base(engine, read_contract().python, named, PROJECT.pins, print, platform=platform).reference


@pytest.fixture(scope="session")
def engine() -> Engine:
    try:
        return find_engine()
    except Problem as problem:
        pytest.fail(f"the image tests need a Docker Engine. {problem}", pytrace=False)


@pytest.fixture(scope="session")
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    one = engines.sdk(engine)
    yield one
    one.close()


@pytest.fixture(scope="session")
def images(engine: Engine, client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Build the images of this checkout and verify them, once for all tests."""
    contract = read_contract()
    artifacts = tmp_path_factory.mktemp("images") / "artifacts"
    skipped = without_room(contract, client)
    roles = [role for role in contract.roles if role not in skipped] if skipped else []
    to = ["--artifacts", str(artifacts)]
    built = execute(sys.executable, "-m", "deploy", "build", *roles, *to, seconds=BUILD_SECONDS)
    verified = execute(sys.executable, "-m", "verify", *roles, *to)
    found = Images(engine, client, contract, Artifacts(artifacts), skipped, built, verified)
    for role in found.roles:
        if found.artifacts.path(role, BUILD).exists():
            found.records[role] = found.artifacts.read(role, BUILD, BuildRecord)
        if found.artifacts.path(role, VERDICT).exists():
            found.verdicts[role] = found.artifacts.read(role, VERDICT, Verdict)
    return found


def without_room(contract: Contract, client: docker.DockerClient) -> dict[str, str]:
    """Return the roles whose images do not fit on the engine's disk, with the reason: those with CUDA, if any."""
    root = Path(client.info()["DockerRootDir"])
    if not root.is_dir():
        return {}  # the engine is on another machine: its own refusal will tell
    free = shutil.disk_usage(root).free
    held = {tag for image in client.images.list() for tag in image.tags}
    why = f"its image takes {GPU_IMAGE_NEEDS / 1e9:.0f} GB free at {root}, and there are {free / 1e9:.1f}"
    return {
        role: f"NOT TESTED: {role}: {why}"
        for role, image in contract.images.items()
        if image.torch == "cuda" and image.name not in held and free < GPU_IMAGE_NEEDS
    }


@pytest.fixture
def checkout(client: docker.DockerClient, tmp_path: Path) -> Iterator[Checkout]:
    """Copy this working tree, under names of its own; at the end its images are removed."""
    one = Checkout(tmp_path / "checkout", f"ktrdr-try-{uuid.uuid4().hex[:8]}-")
    copy_tree(one.directory)
    contract = one.directory / "deploy" / "docker" / "images.toml"
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace('name = "ktrdr-', f'name = "{one.prefix}'), encoding="utf-8")
    yield one
    for role in read_contract().roles:
        for image in client.images.list(one.name(role)):
            if one.name(role) in image.tags:
                client.images.remove(one.name(role))
